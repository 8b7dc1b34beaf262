use crate::harness::world::call::Call;
pub(super) type Seeded = fn(&mut Call);
