"""Image sets: registry, verified download, reading; and a small one that is generated."""

from fatheory.tasks.images.dataset import Images as Images
from fatheory.tasks.images.dataset import load as load
from fatheory.tasks.images.download import fetch as fetch
from fatheory.tasks.images.registry import IMAGE_SETS as IMAGE_SETS
from fatheory.tasks.images.registry import DataFile as DataFile
from fatheory.tasks.images.registry import ImageSet as ImageSet
from fatheory.tasks.images.registry import image_set as image_set
from fatheory.tasks.images.store import FOLDER_VARIABLE as FOLDER_VARIABLE
from fatheory.tasks.images.store import FileReport as FileReport
from fatheory.tasks.images.store import SetStatus as SetStatus
from fatheory.tasks.images.store import data_folder as data_folder
from fatheory.tasks.images.store import set_folder as set_folder
from fatheory.tasks.images.store import status as status
from fatheory.tasks.images.store import verify as verify
