"""The settings of the demonstration: how much is drawn, and how the stand-in annotator errs.

Every number says where it is from: measured (domain.md 3.3), or an assumption of this demonstration.
"""

from pydantic import BaseModel, ConfigDict, Field


class AnnotatorSettings(BaseModel):
    """How `demo-annotator` sees and errs (method.md 7, domain.md 6)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, description="Of everything the annotator draws by lot.")
    reader_faces: int = Field(
        600, ge=40, description="Drawn faces that its eyes are fitted on, once: about 15 ms each, then cached."
    )
    expression_accuracy: float = Field(
        0.84,
        gt=0,
        le=1,
        description="Mean share of expressions it names as it sees them; with what it sees wrongly it names "
        "some three quarters of drawn faces right, as GPT-4V did of RAF-DB (.76), whose confusion its errors follow "
        "(domain.md 3.3).",
    )
    disagreement: float = Field(
        0.14,
        ge=0,
        lt=1,
        description="How often two answers to one picture name different expressions; more for fear and disgust, "
        "less for happiness. With a turned picture it comes to .2 (GPT-4V: .188), and some .6 of the errors repeat "
        "(GPT-4V: .57).",
    )
    au_from_expression: float = Field(
        0.4, ge=0, le=1, description="Weight of what the named expression suggests in its AUs. An assumption."
    )
    au_bias_sd: float = Field(
        1.0, ge=0, description="Lasting error per face and AU, in logits. An assumption: .95 are right."
    )
    au_flip: float = Field(
        0.03, ge=0, le=0.5, description="Chance that one AU of one answer is turned over. An assumption."
    )
    va_from_expression: float = Field(
        0.5, ge=0, le=1, description="Weight of the named expression's mean in its VA point. An assumption."
    )
    va_bias_sd: float = Field(
        0.2, ge=0, description="Lasting error per face and axis. An assumption (domain.md 6 supposes .25)."
    )
    va_draw_sd: float = Field(
        0.13,
        ge=0,
        description="Further error per answer and axis. An assumption: domain.md 6 supposes .2, with which few "
        "faces would reach the stopping rule's half-width in 12 answers.",
    )
    coherence: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of faces whose VA point it moves into the named expression's region. An assumption.",
    )
    refusal_rate: float = Field(0.01, ge=0, le=1, description="Answers refused (domain.md 6: 0.5-5 %).")
    abstention_rate: float = Field(0.005, ge=0, le=1, description="Answers `answerable: false`. An assumption.")
    malformed_rate: float = Field(0.01, ge=0, le=1, description="Answers cut short of JSON (domain.md 6: ~1 %).")
    out_of_vocabulary_rate: float = Field(
        0.001, ge=0, le=1, description="Answers that name an expression nobody offered (observed: <= 0.1 %)."
    )
    latency_s: float = Field(0.0, ge=0, description="Seconds that every answer is held back.")


class DemoSettings(BaseModel):
    """How much is drawn, and who annotates it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, description="Of the drawing; the same seed draws the same bytes.")
    rafdb_train: int = Field(120, ge=1, description="Pictures of RAF-DB's training split, hard files among them.")
    rafdb_test: int = Field(30, ge=1, description="Pictures of RAF-DB's test split, hard files among them.")
    bp4d_subjects: int = Field(10, ge=1, le=41, description="Persons of BP4D; the real one has 41.")
    bp4d_frames: int = Field(12, ge=2, description="Frames of each person, over two tasks.")
    picture_px: int = Field(320, ge=160, le=1024, description="Side of a drawn picture.")
    photographs: bool = Field(True, description="Add the one real photograph that scikit-image carries.")
    noise: AnnotatorSettings = Field(default_factory=AnnotatorSettings, description="How the annotator errs.")
