//! The memory that a session, or one question of it, may use.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use datafusion::{
    error::DataFusionError,
    execution::memory_pool::{
        FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
        TrackConsumersPool,
    },
};

/// How the consumers of those are called that deal rows out to other tasks.
const REPARTITION: &str = "RepartitionExec";

/// Makes a pool that divides the limit among those that can spill, so that one cannot starve another.
pub(crate) fn pool_of(bytes: usize) -> Arc<dyn MemoryPool> {
    let pool = RowsPass { holders: FairSpillPool::new(bytes), on_the_way: AtomicUsize::new(0) };
    Arc::new(TrackConsumersPool::new(pool, NonZeroUsize::MIN))
}

/// Limits those that hold rows: sorts, joins, groups. Rows on the way from one task to another are
/// counted but never refused: told to spill, two inputs of a repartition may wait for each other for
/// ever (apache/datafusion#24883). A repartition waits by itself where every task has rows to take.
#[derive(Debug)]
struct RowsPass {
    holders: FairSpillPool,
    on_the_way: AtomicUsize,
}

fn is_on_the_way(consumer: &MemoryConsumer) -> bool {
    consumer.name().starts_with(REPARTITION)
}

impl fmt::Display for RowsPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.holders.fmt(f)
    }
}

impl MemoryPool for RowsPass {
    fn name(&self) -> &str {
        self.holders.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if !is_on_the_way(consumer) {
            self.holders.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if !is_on_the_way(consumer) {
            self.holders.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if is_on_the_way(reservation.consumer()) {
            self.on_the_way.fetch_add(additional, Ordering::Relaxed);
        } else {
            self.holders.grow(reservation, additional);
        }
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if is_on_the_way(reservation.consumer()) {
            self.on_the_way.fetch_sub(shrink, Ordering::Relaxed);
        } else {
            self.holders.shrink(reservation, shrink);
        }
    }

    fn try_grow(
        &self,
        reservation: &MemoryReservation,
        additional: usize,
    ) -> Result<(), DataFusionError> {
        if is_on_the_way(reservation.consumer()) {
            self.grow(reservation, additional);
            return Ok(());
        }
        self.holders.try_grow(reservation, additional)
    }

    fn reserved(&self) -> usize {
        self.holders.reserved().saturating_add(self.on_the_way.load(Ordering::Relaxed))
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.holders.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_on_the_way_are_never_refused_and_take_nothing_from_those_that_hold_rows() {
        let pool = pool_of(1_000);
        let of = |name: &str| MemoryConsumer::new(name).with_can_spill(true).register(&pool);
        let (rows, groups) = (of("RepartitionExec[0]"), of("GroupedHashAggregateStream[0]"));
        rows.try_grow(5_000).unwrap();
        groups.try_grow(1_000).unwrap();
        assert_eq!(pool.reserved(), 6_000);
        groups.try_grow(1).unwrap_err();
        rows.free();
        assert_eq!(pool.reserved(), 1_000);
        drop((rows, groups));
        of("GroupedHashAggregateStream[1]").try_grow(1_000).unwrap();
    }
}
