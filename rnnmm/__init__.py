"""Recurrent models for sound and video.

Axis letters used in every shape comment and docstring:

    B batch    N samples    T steps    U tokens    F features    D hidden    K classes
    C channels H W pixels

Layouts: audio ``(B, N)``, frames of features ``(B, T, F)``, video ``(B, T, C, H, W)``.
Masks are True where a step is valid. Ranges are half-open. ``lengths`` count steps.
"""

__version__ = "0.1.0"
