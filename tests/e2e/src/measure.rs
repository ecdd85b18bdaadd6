//! What benchmarks share: times in order, what the kernel knows of this process, and a place in docs/performance.md.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use domain::Clock;

/// Durations, of which percentiles are asked.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest time that so many of a hundred do not exceed.
    ///
    /// # Panics
    /// When there is none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        *sorted.get(rank - 1).expect("at least one time")
    }

    /// In milliseconds.
    pub fn millis(&self, percent: usize) -> f64 {
        self.percentile(percent).as_secs_f64() * 1000.0
    }
}

/// The largest size that the kernel saw of a process; `self` for this one.
///
/// # Panics
/// Where there is no `/proc`.
pub fn peak_kib(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").trim().parse().expect("a number")
}

/// Of all threads of a process, in the kernel's hundredths; `self` for this one.
///
/// # Panics
/// Where there is no `/proc`.
pub fn processor_seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux");
    let (_, after) = stat.rsplit_once(')').expect("a name");
    let ticks: u32 =
        after.split_whitespace().skip(11).take(2).map(|text| text.parse::<u32>().expect("ticks")).sum();
    f64::from(ticks) / 100.0
}

/// How figures begin: when and with what they were taken.
pub fn taken() -> String {
    let day = Clock::system().now().rfc3339();
    let day = day.split('T').next().unwrap_or_default();
    let build = if cfg!(debug_assertions) { "not optimised" } else { "optimised" };
    format!("Taken on {day}; the build is {build}, database and WorkOS run on the same machine.")
}

/// Writes figures into docs/performance.md, between marks of their own.
///
/// # Panics
/// When the page has no such marks or cannot be written.
pub fn publish(begin: &str, end: &str, figures: &str) {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let text = fs::read_to_string(&page).expect("the page");
    let (before, rest) = text.split_once(begin).expect("marks in the page");
    let (_, after) = rest.split_once(end).expect("marks in the page");
    fs::write(&page, format!("{before}{begin}\n\n{}\n\n{end}{after}", figures.trim_end()))
        .expect("the page can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let mut times = Times::default();
        for millis in (1..=200).rev() {
            times.add(Duration::from_millis(millis));
        }
        let percentiles = [1, 50, 99, 100].map(|percent| times.percentile(percent).as_millis());
        assert_eq!(percentiles, [2, 100, 198, 200]);
        let mut one = Times::default();
        one.add(Duration::from_millis(7));
        assert_eq!((one.millis(1), one.millis(50), one.millis(100)), (7.0, 7.0, 7.0));
    }

    #[test]
    fn the_kernel_knows_this_process() {
        assert!(peak_kib("self") > 1000);
        assert!(processor_seconds("self") >= 0.0);
    }
}
