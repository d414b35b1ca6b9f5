"""How names and numbers are written for people: one place, for the page and the terminal."""

import math

_TASKS = {
    "asr": "Speech recognition",
    "speaker": "Speaker identification",
    "verify": "Speaker verification",
    "action": "Action recognition",
    "labels": "Labels of clips",
    "caption": "Captioning",
    "activity": "Activity detection",
    "tagging": "Temporal tagging",
    "anomaly": "Anomaly detection",
    "lm": "Language modelling",
    "summarise": "Video summarisation",
    "track": "Visual tracking",
}
_METRICS = {
    "wer": "word error rate",
    "wer_alone": "word error rate of the items one by one",
    "wer_rise": "rise of the word error rate above that",
    "cer": "character error rate",
    "ece": "calibration error of the words' confidence",
    "eer": "equal error rate",
    "min_dcf_01": "least detection cost (prior .01)",
    "min_dcf_001": "least detection cost (prior .001)",
    "cllr": "cost of log-likelihood ratios",
    "min_cllr": "cost of log-likelihood ratios, calibrated on themselves",
    "frame_f1": "F1 of frames",
    "frame_precision": "precision of frames",
    "frame_recall": "recall of frames",
    "map_iou_30": "mean average precision of segments (overlap .3)",
    "map_iou_50": "mean average precision of segments (overlap .5)",
    "map_iou_70": "mean average precision of segments (overlap .7)",
    "frame_auc": "area under the ROC of frames",
    "clip_auc": "area under the ROC of clips",
    "perplexity": "perplexity (of a symbol)",
    "word_perplexity": "perplexity of a word",
    "f1": "F1 with people's summaries",
    "kendall_tau": "Kendall's tau of importance",
    "spearman_rho": "Spearman's rho of importance",
    "mean_iou": "mean overlap of boxes",
    "success_auc": "area under the success curve",
    "precision_20px": "boxes within 20 pixels",
    "accuracy": "accuracy",
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "map": "mean average precision",
    "label_f1": "F1 of labels",
    "exact_match": "items labelled right in whole",
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "cider_d": "CIDEr-D",
    "meteor": "METEOR",
    "spice": "SPICE",
}
_PERCENT = frozenset({"wer", "cer", "eer", "accuracy", "top1", "top5"})


def name_task(task: str) -> str:
    """What a task is called in a heading; an unknown one keeps its own name."""
    return _TASKS.get(task, task)


def name_metric(metric: str) -> str:
    """What a metric is called in a sentence; an unknown one keeps its own name."""
    return _METRICS.get(metric, metric.replace("_", " "))


def is_percentage(metric: str) -> bool:
    """Whether a metric is a fraction that people read in percent (``wer``, ``accuracy_low``)."""
    return not _PERCENT.isdisjoint(metric.split("_"))


def format_metric(metric: str, value: float) -> str:
    """A metric's value: error rates and accuracies in percent, the rest as it is.

    Example:
        >>> format_metric("wer", 0.0312), format_metric("cider_d", 4.5678)
        ('3.1 %', '4.568')
    """
    if not math.isfinite(value):
        return "n/a"
    return f"{100 * value:.1f} %" if is_percentage(metric) else format_number(value)


def format_interval(metric: str, low: float, high: float) -> str:
    """Two values of a metric as the ends of a range.

    Example:
        >>> format_interval("wer", 0.0312, 0.0498), format_interval("cider_d", 0.9, 1.1)
        ('3.1 to 5.0 %', '0.900 to 1.100')
    """
    first, last = format_metric(metric, low), format_metric(metric, high)
    return f"{first.removesuffix(' %') if last.endswith(' %') else first} to {last}"


def format_tick(metric: str, value: float) -> str:
    """A round value of a metric on an axis, with no more digits than it needs.

    Example:
        >>> format_tick("wer", 0.2), format_tick("loss", 0.5)
        ('20 %', '0.5')
    """
    return f"{100 * value:.6g} %" if is_percentage(metric) else f"{value:g}"


def format_number(value: float) -> str:
    """Three decimals; none for thousands, three digits for what three decimals would hide.

    Example:
        >>> format_number(0.4), format_number(12345.6), format_number(0.00025)
        ('0.400', '12,346', '0.00025')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:.3g}"


def format_seconds(seconds: float) -> str:
    """A duration in the unit that suits it.

    Example:
        >>> format_seconds(4.26), format_seconds(92), format_seconds(3725)
        ('4.3 s', '1 min 32 s', '1 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def split_stage(key: str) -> tuple[str, str]:
    """The stage that a column of the history is of ("": of none), and what was measured in it."""
    stage, _, metric = key.replace("/", "_").partition("_")
    return (stage, metric) if stage in ("train", "val", "test") else ("", key)
