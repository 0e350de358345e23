"""Settings by group. Each group is what one part of the pipeline needs; `Settings` has them all.

The command line's options, the flow's parameters and the form in the Prefect UI follow from these
fields: the name is the parameter, the description is the help text.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from image_tags.tasks.contracts.durations import Duration

EffectKind = Literal["any", "label", "word", "line", "celebrity", "face", "moderation"]
"""What tags can be compared by a metric: a kind, or having any picture, text or celebrity."""

PACE = "pace"
"""Marks a field that changes the speed or price of work, not its outcome: cache keys omit it."""


class Group(BaseModel):
    """A group of settings: frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def outcome_json(self) -> str:
        """The settings that the outcome depends on, as JSON: all but those marked PACE."""
        pace = {name for name, field in type(self).model_fields.items() if PACE in field.metadata}
        return self.model_dump_json(exclude=pace)


G = TypeVar("G", bound=Group)


class SourceSettings(Group):
    """What is read."""

    source: str = Field(
        description="CSV, TSV, JSON Lines or Parquet file, or a folder or pattern of them; local or s3://"
    )
    url_column: str | None = Field(
        None, description="column with the links; by default detected from the values"
    )
    header: bool | None = Field(
        None,
        description="whether the first line of a CSV or TSV file holds the column names; "
        "by default it does, unless it contains a link",
    )
    delimiter: str | None = Field(
        None,
        description="what separates the cells of a CSV or TSV file: a character, or comma, tab, "
        "semicolon, bar, space; by default detected",
    )


class StoreSettings(Group):
    """Where images, responses, runs and published tables are stored."""

    store: str = Field(
        "image-tags-store", description="folder, or s3://bucket/prefix, that keeps everything"
    )
    sse: Literal["", "AES256", "aws:kms"] = Field(
        "", description="server-side encryption of objects on S3"
    )
    sse_kms_key: str | None = Field(None, description="KMS key id or ARN for --sse aws:kms")
    storage_class: str | None = Field(
        None, description="S3 storage class of the pictures, such as STANDARD_IA"
    )
    region: str | None = Field(None, description="AWS region; by default the one that boto3 finds")


class FetchSettings(Group):
    """How links are followed."""

    allow_private_addresses: bool = Field(
        False,
        description="allow links to private and loopback addresses (tests, intranets); "
        "all other rules still apply",
    )
    extra_ports: tuple[int, ...] = Field((), description="ports allowed in addition to 80 and 443")
    connect_timeout: Annotated[Duration, PACE] = Field(5.0, gt=0, description="seconds to connect")
    read_timeout: Annotated[Duration, PACE] = Field(
        10.0, gt=0, description="seconds to wait for the next byte"
    )
    deadline: Annotated[Duration, PACE] = Field(
        30.0, gt=0, description="seconds per link in all, including redirects and retries"
    )
    max_bytes: int = Field(
        30_000_000, gt=0, description="bytes per picture at most, after decompression"
    )
    max_pixels: int = Field(
        100_000_000, gt=0, description="pixels per picture at most (width x height)"
    )
    max_frames: int = Field(
        2_000, gt=0, description="frames per animated picture at most (only the first is used)"
    )
    max_redirects: int = Field(10, ge=0, description="redirects per link at most")
    fetch_retries: Annotated[int, PACE] = Field(
        2, ge=0, description="how often a transient failure is retried at once"
    )
    fetch_threads: Annotated[int, PACE] = Field(
        32, gt=0, description="links fetched simultaneously"
    )
    per_host: Annotated[int, PACE] = Field(8, gt=0, description="simultaneous requests to one host")
    contact: str | None = Field(
        None,
        description="web page or e-mail address for the User-Agent, so that a site can reach you",
    )
    respect_opt_outs: bool = Field(
        True, description="honour X-Robots-Tag: noai, noimageai, noindex"
    )
    respect_robots_txt: bool = Field(False, description="obey each host's robots.txt")
    fresh_for: Duration = Field(
        7 * 86400.0,
        ge=0,
        description="how long a link that worked is not checked again: seconds, or text such as "
        "`30 days`",
    )
    retry_rejected_after: Duration = Field(
        30 * 86400.0,
        ge=0,
        description="how long a rejected link is not tried again: seconds, or text such as "
        "`30 days`",
    )
    give_up_after_runs: int = Field(
        3, ge=1, description="runs in which a link must fail before it is given up (rejected)"
    )
    give_up_after: float = Field(
        2 * 86400.0, ge=0, description="seconds over which those failures must extend"
    )


class AnalysisSettings(Group):
    """Which analyzer answers which operations, and at what price."""

    analyzer: Literal["local", "rekognition"] = Field(
        "local", description="analyzer: local models or Amazon Rekognition"
    )
    operations: tuple[str, ...] = Field(
        ("detect_labels", "detect_text", "recognize_celebrities"),
        description="operations per image: detect_labels, detect_text, recognize_celebrities, "
        "detect_moderation_labels, detect_faces",
    )
    people: str | None = Field(
        None,
        description="folder of people that the local analyzer recognises: Name.jpg or Name/*.jpg",
    )
    max_labels: int = Field(50, gt=0, le=1000, description="labels per image at most")
    label_confidence: float = Field(
        50.0, ge=0, le=100, description="labels below this confidence are not requested (0-100)"
    )
    label_include: tuple[str, ...] = Field((), description="request only these labels")
    label_exclude: tuple[str, ...] = Field((), description="do not request these labels")
    label_category_include: tuple[str, ...] = Field(
        (), description="request only labels of these categories"
    )
    label_category_exclude: tuple[str, ...] = Field(
        (), description="do not request labels of these categories"
    )
    image_properties: bool = Field(
        False, description="also request colours and sharpness from detect_labels (billed extra)"
    )
    word_confidence: float = Field(
        0.0, ge=0, le=100, description="words below this confidence are not requested (0-100)"
    )
    word_min_height: float = Field(
        0.0,
        ge=0,
        le=1,
        description="words whose height is a smaller share of the picture's are not requested",
    )
    word_min_width: float = Field(
        0.0,
        ge=0,
        le=1,
        description="words whose width is a smaller share of the picture's are not requested",
    )
    moderation_confidence: float = Field(
        50.0, ge=0, le=100, description="moderation labels below this confidence are not requested"
    )
    face_attributes: Literal["DEFAULT", "ALL"] = Field(
        "DEFAULT", description="attributes that detect_faces returns per face"
    )
    tps: Annotated[float | None, PACE] = Field(
        None,
        gt=0,
        description="calls per second, per operation; by default the region's published quota",
    )
    tps_from_service_quotas: Annotated[bool, PACE] = Field(
        False, description="take the account's quota from Service Quotas"
    )
    rate_share: Annotated[float, PACE] = Field(
        1.0,
        gt=0,
        le=1,
        description="this process's share of the rate, when several share the account's quota",
    )
    analyzer_threads: Annotated[int | None, PACE] = Field(
        None, gt=0, description="simultaneous calls per operation"
    )
    analyzer_retries: Annotated[int, PACE] = Field(
        4, ge=0, description="how often a transient failure of the analyzer is retried at once"
    )
    ask_again_after: Duration | None = Field(
        None,
        ge=0,
        description="age from which an answer in the ledger is requested, and paid for, again: "
        "seconds, or text such as `6 days`; by default never",
    )
    max_cost: Annotated[float | None, PACE] = Field(
        None,
        ge=0,
        description="budget in USD: a run that would cost more stops before its first paid call",
    )
    price_list: Annotated[str | None, PACE] = Field(
        None, description="JSON file with your prices; by default the built-in list price"
    )


class CleaningSettings(Group):
    """Which tags are kept. Tags that a rule removes are in `tags_dropped` with the rule's name."""

    celebrity_only: bool = Field(
        True, description="an image with a recognised celebrity keeps no other labels"
    )
    words_not_lines: bool = Field(
        True, description="drop a line of text whose words are kept, so that no text counts twice"
    )
    minimum_confidence_label: float = Field(
        0.0, ge=0, le=100, description="labels below this are dropped (0-100)"
    )
    minimum_confidence_word: float = Field(
        50.0, ge=0, le=100, description="words below this are dropped (0-100)"
    )
    minimum_confidence_line: float = Field(
        50.0, ge=0, le=100, description="lines below this are dropped (0-100)"
    )
    minimum_confidence_celebrity: float = Field(
        0.0,
        ge=0,
        le=100,
        description="celebrities whose MatchConfidence is below this are dropped (0-100)",
    )
    minimum_confidence_face: float = Field(
        0.0, ge=0, le=100, description="faces below this are dropped (0-100)"
    )
    minimum_confidence_moderation: float = Field(
        0.0, ge=0, le=100, description="moderation labels below this are dropped (0-100)"
    )
    blocked_names: tuple[str, ...] = Field(
        (),
        description="tags to drop by name, ignoring case; `kind:name` for one kind only, such as "
        "word:www",
    )
    parents_implied: bool = Field(
        False, description="drop a label that a narrower one implies: Animal next to Cat"
    )
    aliases: tuple[str, ...] = Field(
        (),
        description="one name for one thing: `Automobile=Car` renames labels, celebrities and "
        "moderation labels",
    )
    one_spelling: bool = Field(
        True,
        description="give names that differ only in case one spelling: labels, celebrities, "
        "moderation labels",
    )
    flag_confusions: bool = Field(
        True, description="flag labels that models are known to confuse; drops nothing"
    )
    confusions: str | None = Field(
        None,
        description="CSV file of your known confusions (name, beside, may_be); by default the "
        "built-in table",
    )


class TableSettings(Group):
    """The shape of the published tables."""

    wide_celebrities: int = Field(3, ge=0, le=100, description="celebrity columns of tags_wide")
    wide_labels: int = Field(20, ge=0, le=1000, description="label columns of tags_wide")
    wide_words: int = Field(30, ge=0, le=1000, description="word columns of tags_wide")
    metric: tuple[str, ...] = Field(
        (),
        description="numeric column of the source to compare by tag",
    )


class EffectSettings(Group):
    """How tags are compared by a metric of the source."""

    effect_min_rows: int = Field(
        10,
        ge=2,
        description="leave out tags that fewer distinct pictures than this have, or that fewer "
        "lack",
    )
    effect_cluster: str | None = Field(
        None,
        description="column of groups whose rows are not independent, such as the author",
    )
    effect_kinds: tuple[EffectKind, ...] = Field(
        ("any", "label", "word", "line", "celebrity", "face", "moderation"),
        description="kinds of tags to compare: any (has_image, has_text, has_celebrity), label, "
        "word, line, celebrity, face, moderation",
    )


class CheckSettings(Group):
    """When the gate warns.

    Shares are 0-1; three standard errors are added to each, against false alarms of small tables.
    """

    allow_empty: bool = Field(
        False, description="publish even if there are links and none of them could be tagged"
    )
    min_tagged_share: float = Field(
        0.5, ge=0, le=1, description="warn if a smaller share of the links is tagged"
    )
    max_rejected_share: float = Field(
        0.5, ge=0, le=1, description="warn if a larger share of the links is rejected"
    )
    max_pending_share: float = Field(
        0.0, ge=0, le=1, description="warn if a larger share of the links is pending"
    )
    fail_pending_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="end the run as Failed if a larger share of the links is newly pending; "
        "links that were pending in the last version do not count",
    )
    max_untagged_share: float = Field(
        0.2, ge=0, le=1, description="warn if a larger share of the images has no tag at all"
    )
    max_links_an_image: int = Field(
        50, gt=0, description="warn if more than this many links lead to one picture"
    )
    max_volume_change: float = Field(
        0.5,
        ge=0,
        description="warn if the number of rows changed by more than this since the last version",
    )
    max_tags_change: float = Field(
        0.3,
        ge=0,
        description="warn if the tags per image changed by more than this since the last version",
    )
    max_mix_change: float = Field(
        0.1,
        ge=0,
        le=1,
        description="warn if the share of a kind or top label changed by more than this since the "
        "last version",
    )
    top_labels: int = Field(
        20,
        ge=0,
        description="how many of the most frequent labels are compared with the last version",
    )


class PublishSettings(Group):
    """What is published, and for how long it is kept."""

    csv: bool = Field(False, description="also publish each table as CSV, with lists as JSON text")
    csv_for_spreadsheets: bool = Field(
        False,
        description="put an apostrophe before text in CSV that a spreadsheet would run as a "
        "formula; this changes the text",
    )
    # At least two: someone may still be reading the version before the current one.
    keep_versions: int = Field(
        10, ge=2, description="published versions that are kept, the current one included"
    )
    keep_runs: int = Field(
        10, ge=1, description="runs whose staged files are kept for audit, this one included"
    )


class WorkSettings(Group):
    """How the work is divided, and how often a batch is retried."""

    batch_size: int | None = Field(
        None,
        gt=0,
        description="links or images per task run; by default chosen from the number of items",
    )
    commit_interval: Annotated[float, PACE] = Field(
        0.5,
        ge=0,
        description="seconds between two writes of new answers or link records to the store; what "
        "is not written yet is lost if the process is killed",
    )
    task_retries: int = Field(
        1, ge=0, description="how often a batch with transient failures is run again"
    )
    task_retry_delay: Duration = Field(
        5.0, ge=0, description="seconds before the first retry of a batch; doubled each time"
    )
    runner: Literal["threads", "dask"] = Field(
        "threads",
        description="where mapped task runs run: threads of one process, or processes of a Dask "
        "cluster",
    )
    dask_processes: int = Field(
        2, gt=0, description="processes that --runner dask starts on this machine"
    )
    dask_address: str | None = Field(
        None,
        description="Dask scheduler to use instead, such as tcp://10.0.0.5:8786; its workers need "
        "image-tags",
    )
    shards: int = Field(
        1,
        gt=0,
        description="number of flow runs of the shard deployment that share fetching and analysis",
    )
    shard_deployment: str = Field(
        "image-tags-shard/shard",
        description="deployment of the shards; its workers need access to the store",
    )
    store_wait: Duration = Field(
        600.0,
        ge=0,
        description="seconds to wait for another run that works on the store; after that the run "
        "ends as Cancelled, with nothing done",
    )
    shard_wait: Duration = Field(
        600.0,
        gt=0,
        description="seconds after which the run stops if no worker has started a shard",
    )


class Settings(
    SourceSettings,
    StoreSettings,
    AnalysisSettings,
    FetchSettings,
    CleaningSettings,
    TableSettings,
    EffectSettings,
    CheckSettings,
    PublishSettings,
    WorkSettings,
):
    """All settings, flat: the flow's parameters and the options of `image-tags run`."""

    def only(self, group: type[G]) -> G:
        """The settings of one group."""
        return group.model_validate({name: getattr(self, name) for name in group.model_fields})
