"""Power in the bands of a filterbank, on one core of a CPU: window, FFT and filters in one pass.

Sixteen frames lie side by side, so that every operation works on neighbours in memory, and all
between the samples and the bands stays in the cache of the core. The FFT is a real one of n points
by way of a complex one of n/2 (radix 4, decimation in frequency, in place), in float64.

numba compiles it when it is first used, a few seconds for each ``n_fft``, and keeps the result on
disk. The stages of the FFT are inlined with their sizes as constants: with sizes known only at run
time the compiler cannot prove that the rows of a butterfly lie apart, and gives up vectors.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numba
import numpy as np
import numpy.typing as npt

_F = TypeVar("_F", bound=Callable[..., Any])
_Array = npt.NDArray[Any]

_LANES = 16  # frames side by side; 8 are fewer than the compiler needs to see a loop
_ROW = 2 * _LANES  # real parts, then imaginary parts
_TAPS = 8  # bins that a filter adds at once
_MIN_N_FFT, _MAX_N_FFT = 64, 4096
# "contract" allows a * b + c in one instruction; nothing is reordered.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}


class Tables(NamedTuple):
    """The constants of one transform.

    window: ``(W,)`` W even. twiddles: ``(n_fft/8, 6)``, three complex factors of a butterfly.
    places: ``(n_fft/2,)``, where in the FFT's output each bin stands. rotations: ``(n_fft/2, 2)``,
    complex factors that part even samples from odd ones. starts, counts: ``(M,)``, the bins of
    each filter. weights: ``(M, most bins)``, that number rounded up to whole sums.
    """

    window: _Array
    twiddles: _Array
    places: _Array
    rotations: _Array
    starts: _Array
    counts: _Array
    weights: _Array


def supports(n_fft: int) -> bool:
    """Whether there is a kernel for it: powers of two within 64..4096."""
    return _MIN_N_FFT <= n_fft <= _MAX_N_FFT and n_fft & (n_fft - 1) == 0


def make_tables(window: _Array, n_fft: int, filterbank: _Array) -> Tables:
    """Prepares a transform.

    Args:
        window: ``(W,)``, W <= n_fft.
        n_fft: one that is supported.
        filterbank: ``(n_fft/2 + 1, M)``, each filter with one unbroken run of bins.
    """
    half = n_fft // 2
    even = np.pad(window, (0, len(window) % 2)).astype(np.float64)
    turns = np.arange(half // 4)[:, None] * np.array([1, 2, 3]) / half  # (half/4, 3)
    rotations = _unit_circle(np.arange(half) / n_fft)
    return Tables(
        even,
        _unit_circle(turns),
        _places(half),
        rotations,
        *_sparse(filterbank.astype(np.float64)),
    )


@cache
def band_power(n_fft: int) -> Callable[..., None]:
    """The compiled kernel ``(samples, scale, preemphasis, offsets, start, hop, *tables, out)``.

    samples ``(N,)`` float32; outside of them is silence. scale: of the samples. preemphasis: how
    much of its predecessor each sample loses. offsets ``(T,)`` float64, which the samples of each
    frame lose after that. start: the first sample of frame 0, may be negative. out ``(T, M)``
    float32 is written. Needs no lock of the interpreter.
    """
    half = n_fft // 2
    second, third, fourth, fifth = (half // 4**stage for stage in range(1, 5))
    has_pairs = (half.bit_length() - 1) % 2 == 1

    def kernel(  # type: ignore[no-untyped-def]  # noqa: PLR0913 compiled: arrays only
        samples, scale, preemphasis, offsets, start, hop, window, twiddles, places, rotations,
        starts, counts, weights, out,
    ):  # fmt: skip
        span = np.empty((_LANES - 1) * hop + len(window))
        level = np.empty(_LANES)
        z = np.empty(half * _ROW)
        power = np.zeros((half + 1 + _TAPS) * _LANES)  # the last bins' sums reach beyond
        bands = np.empty(len(starts) * _LANES)
        for first in range(0, len(out), _LANES):
            _load(samples, scale, preemphasis, start + first * hop, span)
            _fill(offsets[first : first + _LANES], level)
            _windowed(span, level, hop, window, half, z)
            _radix4(z, twiddles, half, half)
            _radix4(z, twiddles, half, second)
            if third >= 4:
                _radix4(z, twiddles, half, third)
            if fourth >= 4:
                _radix4(z, twiddles, half, fourth)
            if fifth >= 4:
                _radix4(z, twiddles, half, fifth)
            if has_pairs:
                _radix2(z, half)
            _squares(z, places, rotations, power)
            _filter(power, starts, counts, weights, bands)
            _store(bands, out[first : first + _LANES])

    return _kept(kernel)


def _kept(function: _F) -> _F:
    """Compiled, and kept on disk where a folder for that can be written."""
    try:
        compiled: _F = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no such folder
        compiled = numba.njit(**_OPTIONS)(function)
    return compiled


def _compiled(function: _F) -> _F:
    compiled: _F = numba.njit(**_OPTIONS)(function)
    return compiled


def _inlined(function: _F) -> _F:
    """Compiled into its caller, whose constants it then knows."""
    compiled: _F = numba.njit(inline="always", **_OPTIONS)(function)
    return compiled


@_compiled
def _load(samples: _Array, scale: float, preemphasis: float, start: int, span: _Array) -> None:
    """Scaled and pre-emphasised samples from ``start`` on, with silence outside of the clip."""
    first = min(max(0, -start), len(span))
    last = max(first, min(len(span), len(samples) - start))
    span[:first] = 0
    span[last:] = 0
    inside = span[first:last]
    source = samples[max(start, 0) :]
    for i in range(len(inside)):
        inside[i] = source[i] * scale
    if preemphasis:
        for i in range(len(inside) - 1, 0, -1):
            inside[i] -= inside[i - 1] * preemphasis


@_compiled
def _fill(offsets: _Array, level: _Array) -> None:
    """An offset for every lane, those without a frame included."""
    level[:] = 0
    for lane in range(len(offsets)):
        level[lane] = offsets[lane]


@_compiled
def _windowed(span: _Array, level: _Array, hop: int, window: _Array, half: int, z: _Array) -> None:
    """Row n holds sample 2n of every frame as real part and sample 2n + 1 as imaginary part."""
    rows = len(window) // 2
    for n in range(rows):
        even, odd = window[2 * n], window[2 * n + 1]
        row = z[n * _ROW : (n + 1) * _ROW]
        for lane in range(_LANES):
            row[lane] = (span[lane * hop + 2 * n] - level[lane]) * even
            row[_LANES + lane] = (span[lane * hop + 2 * n + 1] - level[lane]) * odd
    z[rows * _ROW : half * _ROW] = 0


@_inlined
def _radix4(z: _Array, twiddles: _Array, half: int, size: int) -> None:
    """One stage: every transform of ``size`` rows becomes four of a quarter."""
    away = size // 4 * _ROW
    for base in range(0, half, size):
        for k in range(size // 4):
            factors = twiddles[k * (half // size)]
            ur, ui, vr, vi, wr, wi = (
                factors[0], factors[1], factors[2], factors[3], factors[4], factors[5]
            )  # fmt: skip
            row = (base + k) * _ROW
            for lane in range(_LANES):
                i = row + lane
                ar, ai = z[i], z[i + _LANES]
                br, bi = z[i + away], z[i + away + _LANES]
                cr, ci = z[i + 2 * away], z[i + 2 * away + _LANES]
                dr, di = z[i + 3 * away], z[i + 3 * away + _LANES]
                er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
                gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
                z[i], z[i + _LANES] = er + gr, ei + gi
                ar, ai = fr + hi, fi - hr
                br, bi = er - gr, ei - gi
                cr, ci = fr - hi, fi + hr
                z[i + away] = ar * ur - ai * ui
                z[i + away + _LANES] = ar * ui + ai * ur
                z[i + 2 * away] = br * vr - bi * vi
                z[i + 2 * away + _LANES] = br * vi + bi * vr
                z[i + 3 * away] = cr * wr - ci * wi
                z[i + 3 * away + _LANES] = cr * wi + ci * wr


@_inlined
def _radix2(z: _Array, half: int) -> None:
    """The last stage where ``half`` is no power of four."""
    for row in range(0, half * _ROW, 2 * _ROW):
        for lane in range(_ROW):
            a, b = z[row + lane], z[row + lane + _ROW]
            z[row + lane], z[row + lane + _ROW] = a + b, a - b


@_compiled
def _squares(z: _Array, places: _Array, rotations: _Array, power: _Array) -> None:
    """The spectrum of the real signal from that of its even and odd samples, squared."""
    half = len(places)
    for k in range(half // 2 + 1):
        mirror = half - k
        a = z[places[k] * _ROW : (places[k] + 1) * _ROW]
        b = z[places[mirror % half] * _ROW : (places[mirror % half] + 1) * _ROW]
        below = power[k * _LANES : (k + 1) * _LANES]
        above = power[mirror * _LANES : (mirror + 1) * _LANES]
        cosine, sine = rotations[k, 0], rotations[k, 1]
        for lane in range(_LANES):
            er, ei = a[lane] + b[lane], a[lane + _LANES] - b[lane + _LANES]
            fr, fi = a[lane + _LANES] + b[lane + _LANES], b[lane] - a[lane]
            gr, gi = fr * cosine - fi * sine, fr * sine + fi * cosine
            below[lane] = 0.25 * ((er + gr) ** 2 + (ei + gi) ** 2)
            above[lane] = 0.25 * ((er - gr) ** 2 + (ei - gi) ** 2)


@_compiled
def _filter(power: _Array, starts: _Array, counts: _Array, weights: _Array, bands: _Array) -> None:
    """Each filter over its own bins, eight at a time: a shorter sum is not made into vectors."""
    for m in range(len(starts)):
        band = bands[m * _LANES : (m + 1) * _LANES]
        band[:] = 0
        for i in range(0, counts[m], _TAPS):
            first = starts[m] + i
            x = power[first * _LANES : (first + _TAPS) * _LANES]
            w = weights[m, i : i + _TAPS]
            a, b, c, d, e, f, g, h = w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]
            for lane in range(_LANES):
                band[lane] += (
                    a * x[lane]
                    + b * x[lane + _LANES]
                    + c * x[lane + 2 * _LANES]
                    + d * x[lane + 3 * _LANES]
                    + e * x[lane + 4 * _LANES]
                    + f * x[lane + 5 * _LANES]
                    + g * x[lane + 6 * _LANES]
                    + h * x[lane + 7 * _LANES]
                )


@_compiled
def _store(bands: _Array, out: _Array) -> None:
    for lane in range(out.shape[0]):
        for m in range(out.shape[1]):
            out[lane, m] = bands[m * _LANES + lane]


def _unit_circle(turns: _Array) -> _Array:
    """``exp(-2 pi i turns)`` with real and imaginary parts side by side on the last axis."""
    angles = -2 * np.pi * turns
    pairs = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return pairs.reshape(len(turns), -1)


def _places(half: int) -> _Array:
    """Undoes the order of decimation: digits reversed, radix 4 with a last 2 where needed."""
    bins, step = np.zeros(1, np.int64), 1
    while step < half:
        radix = 4 if half // step >= 4 else 2
        bins = (bins[:, None] + step * np.arange(radix)).ravel()
        step *= radix
    return np.argsort(bins)


def _sparse(filterbank: _Array) -> tuple[_Array, _Array, _Array]:
    """First bins ``(M,)``, numbers of bins ``(M,)``, weights ``(M, most bins, rounded up)``."""
    used = filterbank != 0
    starts = used.argmax(axis=0)
    counts = len(filterbank) - used[::-1].argmax(axis=0) - starts
    most = -(-counts.max() // _TAPS) * _TAPS
    weights = np.zeros((filterbank.shape[1], most))
    for m, (start, count) in enumerate(zip(starts, counts)):
        weights[m, :count] = filterbank[start : start + count, m]
    return starts, counts, weights
