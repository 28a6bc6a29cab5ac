"""Every metric of every process: operators key on the names, so they are declared here and nowhere else.

A process has one `Metrics` on a registry of its own; nothing is registered at import. Labels never carry an id, a
name or anything a sender chose: their values come from closed sets.
"""

from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CounterName = Literal[
    "messages_consumed",
    "messages_published",
    "dead_letters",
    "events_skipped",
    "refused_messages",
    "deliveries_retried",
    "replies_dropped",
    "outbox_swept",
    "events_set_aside",
    "unreadable_documents",
    "loop_failures",
    "refresh_attempts",
    "refresh_waiters_answered",
    "get_answers",
    "config_commands",
    "notifications",
    "channel_deliveries",
    "console_requests",
]
GaugeName = Literal[
    "topic_mismatches",
    "process_ready",
    "grants_due",
    "leases_held",
    "results_unstored",
    "engine_stopped",
    "grants_under_old_keys",
    "notifications_open",
]
HistogramName = Literal["handling_seconds", "provider_seconds"]

_COUNTERS: Final[dict[CounterName, tuple[str, tuple[str, ...]]]] = {
    "messages_consumed": ("Messages given to a handler and committed.", ("topic",)),
    "messages_published": ("Messages acknowledged by the brokers.", ("topic",)),
    "dead_letters": ("Messages that could not be taken.", ("topic", "reason")),
    "events_skipped": ("Events of a type that this version does not know yet.", ("topic",)),
    "refused_messages": ("Requests answered with an error before a handler saw them.", ("topic", "code")),
    "deliveries_retried": ("Handler runs that failed and were tried again.", ("topic",)),
    "replies_dropped": ("Replies whose topic does not exist.", ()),
    "outbox_swept": ("Documents whose events the sweeper had to publish.", ("collection",)),
    "events_set_aside": ("Events that Kafka can never take.", ("collection",)),
    "unreadable_documents": ("Meetings with a document that this version cannot read.", ()),
    "loop_failures": ("Turns of a background loop that failed.", ("loop",)),
    "refresh_attempts": ("Tries at a token endpoint.", ("outcome",)),
    "refresh_waiters_answered": ("Askers answered by the end of an attempt.", ("outcome",)),
    "get_answers": ("Answers to requests for an access token.", ("outcome",)),
    "config_commands": ("Commands on token configs and principals.", ("command", "outcome")),
    "notifications": ("Notifications opened, reminded, acknowledged, resolved.", ("kind", "change")),
    "channel_deliveries": ("Notices handed to a channel.", ("channel", "outcome")),
    "console_requests": ("Pages and actions of the console.", ("route", "status")),
}
_GAUGES: Final[dict[GaugeName, tuple[str, tuple[str, ...]]]] = {
    "topic_mismatches": ("Topics that exist with other settings than the contract's.", ()),
    "process_ready": ("1 while the process takes messages, else 0.", ()),
    "grants_due": ("Grants due now and free to be claimed.", ()),
    "leases_held": ("Attempts in flight in this process.", ()),
    "results_unstored": ("Results of attempts that are in memory alone, since they cannot be stored now.", ()),
    "engine_stopped": ("1 while nothing may be sent to providers: stopped, or held by the guard.", ()),
    "grants_under_old_keys": ("Grants with a value under an old entry of the vault ring, at the last count.", ()),
    "notifications_open": ("Notifications that are not resolved.", ("severity",)),
}
_HISTOGRAMS: Final[dict[HistogramName, tuple[str, tuple[str, ...]]]] = {
    "handling_seconds": ("From the record's arrival in the process to the end of its handler.", ("topic",)),
    "provider_seconds": ("Duration of a call to a provider.", ("outcome",)),
}
# From a hit in memory to the longest allowed call of a provider.
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_NAMESPACE: Final = "grantkeeper"


class Metrics:
    """The metrics of one process, all of them from the start, so that a missing one is never a zero."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        self.service = service
        self._counters = {
            name: Counter(name, text, labels, namespace=_NAMESPACE, registry=self.registry)
            for name, (text, labels) in _COUNTERS.items()
        }
        self._gauges = {
            name: Gauge(name, text, labels, namespace=_NAMESPACE, registry=self.registry)
            for name, (text, labels) in _GAUGES.items()
        }
        self._histograms = {
            name: Histogram(name, text, labels, namespace=_NAMESPACE, registry=self.registry, buckets=_BUCKETS)
            for name, (text, labels) in _HISTOGRAMS.items()
        }

    def count(self, name: CounterName, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def set(self, name: GaugeName, value: float, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def observe(self, name: HistogramName, seconds: float, **labels: str) -> None:
        """Note one duration in seconds."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(seconds)


METRIC_NAMES: Final = (*get_args(CounterName), *get_args(GaugeName), *get_args(HistogramName))
