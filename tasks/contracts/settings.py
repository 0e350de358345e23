"""Settings by group. Each group is what one part of the pipeline needs; `Settings` is all of them,
flat.

The command line's options, the flow's parameters and the form in the Prefect UI follow from these
fields: the name is the parameter, the description is the help text.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

PACE = "pace"
"""Marks a field that says how fast or at what price work is done, never what it comes to: cache
keys leave it out.
"""


class Group(BaseModel):
    """A group of settings: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def outcome_json(self) -> str:
        """The settings that what is done depends on, as JSON: all but those marked PACE."""
        pace = {name for name, field in type(self).model_fields.items() if PACE in field.metadata}
        return self.model_dump_json(exclude=pace)


G = TypeVar("G", bound=Group)


class SourceSettings(Group):
    """What is read."""

    source: str = Field(
        description="CSV, TSV, JSON Lines or Parquet file, a folder or pattern of them; local or s3://"
    )
    url_column: str | None = Field(
        None, description="column with the links; if left out, found by looking at the values"
    )


class StoreSettings(Group):
    """Where images, responses, runs and published tables live."""

    store: str = Field(
        "image-tags-store", description="folder, or s3://bucket/prefix, that keeps everything"
    )
    sse: Literal["", "AES256", "aws:kms"] = Field(
        "", description="server-side encryption of what is put on S3"
    )
    sse_kms_key: str | None = Field(None, description="KMS key id or ARN for --sse aws:kms")
    storage_class: str | None = Field(
        None, description="S3 storage class of the pictures, such as STANDARD_IA"
    )
    region: str | None = Field(
        None, description="AWS region; by default what boto3 finds by itself"
    )


class FetchSettings(Group):
    """How links are followed."""

    allow_private_addresses: bool = Field(
        False,
        description="let links lead to private and loopback addresses (tests, intranets); lifts only that rule",
    )
    extra_ports: tuple[int, ...] = Field((), description="ports allowed beside 80 and 443")
    connect_timeout: Annotated[float, PACE] = Field(5.0, gt=0, description="seconds to connect")
    read_timeout: Annotated[float, PACE] = Field(10.0, gt=0, description="seconds without a byte")
    deadline: Annotated[float, PACE] = Field(
        30.0, gt=0, description="seconds a link may take in all, with redirects and retries"
    )
    max_bytes: int = Field(30_000_000, gt=0, description="bytes of a picture, after decompression")
    max_pixels: int = Field(100_000_000, gt=0, description="pixels of a picture (width x height)")
    max_frames: int = Field(
        2_000, gt=0, description="frames of an animated picture (only the first is used)"
    )
    max_redirects: int = Field(10, ge=0, description="redirects a link may take")
    fetch_retries: Annotated[int, PACE] = Field(
        2, ge=0, description="how often a passing failure is tried again at once"
    )
    fetch_threads: Annotated[int, PACE] = Field(
        32, gt=0, description="links fetched at the same time"
    )
    per_host: Annotated[int, PACE] = Field(
        8, gt=0, description="requests at the same time to one host"
    )
    contact: str | None = Field(
        None, description="web page or e-mail for the User-Agent, so that a site can reach you"
    )
    respect_opt_outs: bool = Field(
        True, description="honour X-Robots-Tag: noai, noimageai, noindex"
    )
    respect_robots_txt: bool = Field(False, description="ask each host's robots.txt first")
    fresh_for: float = Field(
        7 * 86400.0, ge=0, description="seconds before a link that worked is asked about again"
    )
    retry_rejected_after: float = Field(
        30 * 86400.0, ge=0, description="seconds before a rejected link is tried again"
    )
    give_up_after_runs: int = Field(
        3, ge=1, description="runs in which a link must fail before it is given up (rejected)"
    )
    give_up_after: float = Field(
        2 * 86400.0, ge=0, description="seconds over which those failures must extend"
    )


class AnalysisSettings(Group):
    """Who is asked, what, and at what price."""

    analyzer: Literal["local", "rekognition"] = Field(
        "local", description="who answers: local models or Amazon Rekognition"
    )
    operations: tuple[str, ...] = Field(
        ("detect_labels", "detect_text", "recognize_celebrities"),
        description="what to ask of each image: detect_labels, detect_text, recognize_celebrities, "
        "detect_moderation_labels, detect_faces",
    )
    people: str | None = Field(
        None,
        description="folder of people the local analyzer shall recognise: Name.jpg or Name/*.jpg",
    )
    max_labels: int = Field(50, gt=0, le=1000, description="labels an image at most")
    label_confidence: float = Field(
        50.0, ge=0, le=100, description="labels below this are not asked for (0-100)"
    )
    label_include: tuple[str, ...] = Field((), description="ask only for these labels")
    label_exclude: tuple[str, ...] = Field((), description="do not ask for these labels")
    label_category_include: tuple[str, ...] = Field(
        (), description="ask only for labels of these categories"
    )
    label_category_exclude: tuple[str, ...] = Field(
        (), description="do not ask for labels of these categories"
    )
    image_properties: bool = Field(
        False, description="also ask detect_labels for colours and sharpness (billed extra)"
    )
    word_confidence: float = Field(
        0.0, ge=0, le=100, description="words below this are not asked for (0-100)"
    )
    word_min_height: float = Field(
        0.0, ge=0, le=1, description="words lower than this share of the picture are not asked for"
    )
    word_min_width: float = Field(
        0.0, ge=0, le=1, description="words narrower than this share are not asked for"
    )
    moderation_confidence: float = Field(
        50.0, ge=0, le=100, description="moderation labels below this are not asked for"
    )
    face_attributes: Literal["DEFAULT", "ALL"] = Field(
        "DEFAULT", description="how much detect_faces says of a face"
    )
    tps: Annotated[float | None, PACE] = Field(
        None,
        gt=0,
        description="calls a second and operation; by default the region's published quota",
    )
    tps_from_service_quotas: Annotated[bool, PACE] = Field(
        False, description="read the account's quota from Service Quotas"
    )
    rate_share: Annotated[float, PACE] = Field(
        1.0,
        gt=0,
        le=1,
        description="this process's share of the rate, where several divide the account's quota",
    )
    analyzer_threads: Annotated[int | None, PACE] = Field(
        None, gt=0, description="calls at the same time and operation"
    )
    analyzer_retries: Annotated[int, PACE] = Field(
        4, ge=0, description="how often a passing failure of the analyzer is tried again at once"
    )
    ask_again_after: float | None = Field(
        None,
        ge=0,
        description="seconds after which an answer in the ledger is asked for, and paid for, again; by default never",
    )
    max_cost: Annotated[float | None, PACE] = Field(
        None, ge=0, description="USD; a run that would cost more stops before it pays"
    )
    price_list: Annotated[str | None, PACE] = Field(
        None, description="JSON file with your prices; by default the list price built in"
    )


class CleaningSettings(Group):
    """Which tags are kept. What a rule removes is kept in `tags_dropped` with the rule's name."""

    celebrity_only: bool = Field(
        True, description="an image with a recognised celebrity keeps no other labels"
    )
    words_not_lines: bool = Field(
        True, description="drop a line of text whose words are there: text is not counted twice"
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
        description="tags to drop by name, whatever the case; `kind:name` for one kind only, such as word:www",
    )
    parents_implied: bool = Field(
        False, description="drop a label that a narrower one implies: Animal beside Cat"
    )
    aliases: tuple[str, ...] = Field(
        (),
        description="one name for one thing: `Automobile=Car` renames a label, celebrity or moderation label",
    )
    one_spelling: bool = Field(
        True,
        description="labels, celebrities and moderation labels that differ only in case get one spelling",
    )
    flag_confusions: bool = Field(
        True, description="flag labels that models are known to confuse; drops nothing"
    )
    confusions: str | None = Field(
        None,
        description="CSV file of your known confusions (name, beside, may_be); by default the table built in",
    )


class TableSettings(Group):
    """The shape of the published tables."""

    wide_celebrities: int = Field(3, ge=0, le=100, description="celebrity columns of tags_wide")
    wide_labels: int = Field(20, ge=0, le=1000, description="label columns of tags_wide")
    wide_words: int = Field(30, ge=0, le=1000, description="word columns of tags_wide")
    metric: tuple[str, ...] = Field(
        (), description="numeric column of the source to compare with and without each tag"
    )


class EffectSettings(Group):
    """How tags are compared by a metric of the source."""

    effect_min_rows: int = Field(
        10, ge=2, description="leave out tags that fewer rows than this have, or lack"
    )
    effect_resamples: int = Field(
        1000, ge=100, description="bootstrap resamples for the interval of a difference"
    )
    effect_seed: int = Field(
        0, ge=0, description="seed of the resampling: the same tables give the same intervals"
    )


class CheckSettings(Group):
    """When the gate warns.

    Shares are 0-1; three standard errors are added to each, so that small tables cry no wolf.
    """

    min_tagged_share: float = Field(
        0.5, ge=0, le=1, description="warn if a smaller share of the links is tagged"
    )
    max_rejected_share: float = Field(
        0.5, ge=0, le=1, description="warn if a larger share of the links is rejected"
    )
    max_pending_share: float = Field(
        0.0, ge=0, le=1, description="warn if a larger share of the links is pending"
    )
    max_untagged_share: float = Field(
        0.2, ge=0, le=1, description="warn if a larger share of the images has no tag at all"
    )
    max_links_an_image: int = Field(
        50, gt=0, description="warn if more links than this lead to one picture"
    )
    max_volume_change: float = Field(
        0.5,
        ge=0,
        description="warn if the rows are fewer or more than those of the last version by this share",
    )
    max_tags_change: float = Field(
        0.3,
        ge=0,
        description="warn if the tags an image are fewer or more than in the last version by this share",
    )
    max_mix_change: float = Field(
        0.1,
        ge=0,
        le=1,
        description="warn if the share of a kind or of a top label moved by more since the last version",
    )
    top_labels: int = Field(
        20, ge=0, description="how many labels of each version are compared with the last version"
    )


class PublishSettings(Group):
    """What is published, and for how long it is kept."""

    csv: bool = Field(
        False, description="also publish each table as CSV; lists are JSON text in their cells"
    )
    csv_for_spreadsheets: bool = Field(
        False,
        description="put an apostrophe before text in CSV that a spreadsheet would run as a formula; changes that text",
    )
    # The one before the current stays in any case: someone may be reading it.
    keep_versions: int = Field(
        10, ge=2, description="published versions that are kept, the current one included"
    )


class WorkSettings(Group):
    """How the work is divided."""

    batch_size: int | None = Field(
        None, gt=0, description="links or images a mapped task run; by default what the amount asks"
    )
    task_retries: int = Field(
        1, ge=0, description="how often a batch with passing failures is run again"
    )
    task_retry_delay: float = Field(5.0, ge=0, description="seconds before that, doubled each time")
    runner: Literal["threads", "dask"] = Field(
        "threads",
        description="where mapped task runs run: threads of one process, or processes of a Dask cluster",
    )
    dask_processes: int = Field(
        2, gt=0, description="processes that --runner dask starts on this machine"
    )
    dask_address: str | None = Field(
        None,
        description="a Dask scheduler to use instead, such as tcp://10.0.0.5:8786; its workers need image-tags",
    )
    shards: int = Field(
        1, gt=0, description="flow runs of the shard deployment that share fetching and analysis"
    )
    shard_deployment: str = Field(
        "image-tags-shard/shard",
        description="deployment that shards are flow runs of; its workers need to see the store",
    )
    shard_wait: float = Field(
        600.0,
        gt=0,
        description="seconds without any shard at work after which the run stops: no worker takes them up",
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
