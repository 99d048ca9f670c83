"""What the papers claim: statements beside numbers measured here, and their bounds."""

from fatheory.claims.bound import Bound as Bound
from fatheory.claims.bound import bounds as bounds
from fatheory.claims.claim import CLAIM as CLAIM
from fatheory.claims.claim import Claim as Claim
from fatheory.claims.claim import aligned as aligned
from fatheory.claims.claim import claims_dataset as claims_dataset
from fatheory.claims.claim import claims_from_dataset as claims_from_dataset
from fatheory.claims.claim import claims_table as claims_table
from fatheory.claims.entries import ENTRIES as ENTRIES
from fatheory.claims.entry import LIAO as LIAO
from fatheory.claims.entry import LILLICRAP as LILLICRAP
from fatheory.claims.entry import Entry as Entry
from fatheory.claims.ledger import Row as Row
from fatheory.claims.ledger import find_entry as find_entry
from fatheory.claims.ledger import ledger as ledger
from fatheory.claims.measured import Measured as Measured
from fatheory.claims.measured import working_range as working_range
from fatheory.claims.results import Results as Results
from fatheory.claims.results import own_folder as own_folder
from fatheory.claims.results import results_folder as results_folder
from fatheory.claims.verdict import Verdict as Verdict
from fatheory.listing import public_names as _public_names

__dir__ = _public_names(__name__)
