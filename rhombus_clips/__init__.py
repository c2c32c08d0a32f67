"""An async client for the video clips of the Rhombus cloud."""

from rhombus_clips import arguments, calls, codec, errors, media, models, paging, renders, session
from rhombus_clips._version import __version__
from rhombus_clips.arguments import *
from rhombus_clips.calls import *
from rhombus_clips.codec import *
from rhombus_clips.errors import *
from rhombus_clips.media import *
from rhombus_clips.models import *
from rhombus_clips.paging import *
from rhombus_clips.renders import *
from rhombus_clips.session import *

__all__ = ["__version__"]
__all__ += arguments.__all__
__all__ += calls.__all__
__all__ += codec.__all__
__all__ += errors.__all__
__all__ += media.__all__
__all__ += models.__all__
__all__ += paging.__all__
__all__ += renders.__all__
__all__ += session.__all__
