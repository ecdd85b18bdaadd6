//! The figures of one variant over all its starts.
//!
//! Others use the machine as well, and they can only add: so a minimum says most about the code, and processor time more
//! than wall time.

use std::time::Duration;

use crate::calls::Waits;
use crate::process::Spent;

#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) init_wall: Vec<f64>,
    pub(crate) init_above: Vec<f64>,
    pub(crate) init_cpu: Vec<f64>,
    pub(crate) first_wall: Vec<f64>,
    pub(crate) first_above: Vec<f64>,
    pub(crate) first_cpu: Vec<f64>,
    pub(crate) warm_wall: Vec<f64>,
    pub(crate) warm_floor: Vec<f64>,
    /// Mean per invocation of each start.
    pub(crate) warm_cpu: Vec<f64>,
    /// MB.
    pub(crate) peak: Vec<f64>,
    /// TLS handshakes before the first event, and during it.
    pub(crate) handshakes: (usize, usize),
    /// Of a warm invocation.
    pub(crate) waits: Waits,
}

/// What one start took.
pub(crate) struct Start {
    pub(crate) init: (Spent, Waits),
    pub(crate) first: (Spent, Waits),
    pub(crate) warm: Vec<(Spent, Waits)>,
    pub(crate) peak_kib: u64,
    pub(crate) handshakes: (usize, usize),
}

impl Series {
    pub(crate) fn add(&mut self, start: &Start) {
        let above = |(spent, waits): &(Spent, Waits)| millis(spent.wall.saturating_sub(waits.floor));
        self.init_wall.push(millis(start.init.0.wall));
        self.init_above.push(above(&start.init));
        self.init_cpu.push(millis(start.init.0.cpu));
        self.first_wall.push(millis(start.first.0.wall));
        self.first_above.push(above(&start.first));
        self.first_cpu.push(millis(start.first.0.cpu));
        let mut cpu = Duration::ZERO;
        for (spent, waits) in &start.warm {
            self.warm_wall.push(millis(spent.wall));
            self.warm_floor.push(millis(waits.floor));
            self.waits.database_calls = self.waits.database_calls.max(waits.database_calls);
            self.waits.database_waits = self.waits.database_waits.max(waits.database_waits);
            cpu += spent.cpu;
        }
        self.warm_cpu.push(millis(cpu) / float(start.warm.len().max(1)));
        self.peak.push(float(usize::try_from(start.peak_kib).unwrap_or(usize::MAX)) / 1024.0);
        self.handshakes = start.handshakes;
    }

    /// Warm p50 over the floor's p50. `None` where the stubs are not asked at all.
    pub(crate) fn over_floor(&self) -> Option<f64> {
        let floor = median(&self.warm_floor);
        (floor > 0.0).then(|| median(&self.warm_wall) / floor)
    }
}

pub(crate) fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts and kilobytes are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimum_and_median_ignore_the_order() {
        assert_eq!((minimum(&[3.0, 1.0, 2.0]), median(&[3.0, 1.0, 2.0])), (1.0, 2.0));
    }

    #[test]
    fn a_variant_that_asks_nobody_has_no_floor() {
        let spent = Spent { wall: Duration::from_millis(5), cpu: Duration::from_millis(1) };
        let waits = Waits { floor: Duration::from_millis(4), ..Waits::default() };
        let start = |waits| Start {
            init: (spent, waits),
            first: (spent, waits),
            warm: vec![(spent, waits); 3],
            peak_kib: 2048,
            handshakes: (0, 0),
        };
        let mut series = Series::default();
        series.add(&start(Waits::default()));
        assert_eq!(series.over_floor(), None);
        let mut series = Series::default();
        series.add(&start(waits));
        assert_eq!((series.over_floor(), series.first_above.as_slice()), (Some(1.25), [1.0].as_slice()));
        assert_eq!(
            (series.warm_cpu.as_slice(), series.peak.as_slice()),
            ([1.0].as_slice(), [2.0].as_slice())
        );
    }
}
