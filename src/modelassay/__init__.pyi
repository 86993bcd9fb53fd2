from modelassay.assessment.recording import Recorder as Recorder

__version__: str
