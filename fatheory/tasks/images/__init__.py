"""Image sets: registry, verified download, reading; folders of images; and a generated set."""

from fatheory.tasks.images.dataset import Images as Images
from fatheory.tasks.images.dataset import load as load
from fatheory.tasks.images.download import fetch as fetch
from fatheory.tasks.images.entry import DataFile as DataFile
from fatheory.tasks.images.entry import ImageSet as ImageSet
from fatheory.tasks.images.folder import FolderImages as FolderImages
from fatheory.tasks.images.folder import folder_set as folder_set
from fatheory.tasks.images.folder import read_folder as read_folder
from fatheory.tasks.images.folder import scan_folder as scan_folder
from fatheory.tasks.images.folder_name import is_folder_name as is_folder_name
from fatheory.tasks.images.location import FOLDER_VARIABLE as FOLDER_VARIABLE
from fatheory.tasks.images.location import data_folder as data_folder
from fatheory.tasks.images.preprocessing import standardized as standardized
from fatheory.tasks.images.registry import IMAGE_SETS as IMAGE_SETS
from fatheory.tasks.images.registry import image_set as image_set
from fatheory.tasks.images.store import FileReport as FileReport
from fatheory.tasks.images.store import SetStatus as SetStatus
from fatheory.tasks.images.store import set_folder as set_folder
from fatheory.tasks.images.store import status as status
from fatheory.tasks.images.store import verify as verify
