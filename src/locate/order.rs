//! The order of SRV records: by priority, and among equals drawn by weight (RFC 2782).

use super::Srv;
use crate::base::Random;

/// Puts `records` in the order in which they are to be tried.
pub(super) fn srv(mut records: Vec<Srv>, random: &mut Random) -> Vec<Srv> {
    // Weight 0 goes first within its priority, so that it is drawn at times (RFC 2782, "Weight").
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = records.iter().take_while(|record| record.priority == priority);
        let sum: u64 = equals.clone().map(|record| u64::from(record.weight)).sum();
        let drawn = random.below(sum + 1);
        let mut running = 0;
        let at = equals
            .map(|record| {
                running += u64::from(record.weight);
                running
            })
            .position(|running| running >= drawn);
        ordered.push(records.remove(at.unwrap_or(0)));
    }
    ordered
}
