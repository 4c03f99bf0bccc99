//! Growth of the memory of a process: a line through the steady part of its course, and a verdict.

use serde::Serialize;

use super::line_fit::LineFit;

/// Largest growth, at the upper end of its interval, that still counts as flat, bytes per minute. Half the interval must
/// be narrower too: chance may shift it. At this growth a process takes a fortnight for a gigabyte.
const FLAT_LIMIT: f64 = 50_000.0;
/// Shortest steady part from which a process counts as flat, seconds.
const MIN_STEADY_SECONDS: f64 = 60.0;
/// Steps in which the allocator of the C library enlarges the memory of a process (its `M_TOP_PAD`), bytes. Growth
/// smaller than a step per steady part cannot be seen.
const ALLOCATOR_STEP: f64 = 131_072.0;
/// Parts into which a course is divided to find the end of the warm-up.
const PARTS: usize = 30;
/// Confidence intervals by which a part of the warm-up differs from the line through what follows.
const WARM_UP_DEVIATION: f64 = 1.3;
/// Safety factor for the length of the warm-up, whose end fades into the noise, as numerator and denominator.
const WARM_UP_MARGIN: (usize, usize) = (3, 2);

/// Judgement of the growth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// No growth, and none above 0.05 MB/min can be hidden in the noise.
    #[serde(rename = "flat")]
    Flat,
    /// Growth that is no chance.
    #[serde(rename = "growing")]
    Growing,
    /// More samples, or calmer ones, are needed to tell.
    #[serde(rename = "not determined")]
    NotDetermined,
}

impl Verdict {
    /// Returns the name of the verdict, as in the JSON document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Growing => "growing",
            Self::NotDetermined => "not determined",
        }
    }
}

/// Growth of the memory of one process, with the 95 % confidence interval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Growth {
    /// Judgement.
    pub verdict: Verdict,
    /// Reason why the growth is not determined. Empty otherwise.
    pub reason: String,
    /// Growth, megabytes (10^6 bytes) per minute. `None` if there are too few samples.
    pub mb_per_min: Option<f64>,
    /// Lower end of the interval, megabytes per minute.
    pub low_mb_per_min: Option<f64>,
    /// Upper end of the interval, megabytes per minute.
    pub high_mb_per_min: Option<f64>,
    /// Length of the warm-up that was left out, seconds.
    pub warm_up_s: f64,
    /// Length of the steady part, over which the growth was measured, seconds.
    pub steady_s: f64,
}

impl Growth {
    /// Measures the growth from the course of the resident memory of one process: time in seconds and bytes, at about
    /// equal distances.
    #[must_use]
    pub fn measure(course: &[(f64, f64)]) -> Self {
        let steady = &course[warm_up_length(course)..];
        let (warm_up_s, steady_s) = (span(course) - span(steady), span(steady));
        let undetermined = |reason: String| Self {
            verdict: Verdict::NotDetermined,
            reason,
            mb_per_min: None,
            low_mb_per_min: None,
            high_mb_per_min: None,
            warm_up_s,
            steady_s,
        };
        let Some(fit) = LineFit::fit(steady).filter(|_| steady_s > 0.0) else {
            return undetermined("there are too few samples; watch for some minutes".to_owned());
        };
        let slope = 60.0 * fit.slope;
        let error = (60.0 * fit.slope_error).hypot(60.0 * ALLOCATOR_STEP / steady_s);
        let (low, high) = (slope - error, slope + error);
        let (verdict, reason) = judge(low, high, steady_s, settling(steady));
        Self {
            verdict,
            mb_per_min: Some(slope / 1e6),
            low_mb_per_min: Some(low / 1e6),
            high_mb_per_min: Some(high / 1e6),
            ..undetermined(reason)
        }
    }
}

fn judge(low: f64, high: f64, steady_s: f64, settling: Option<(f64, f64)>) -> (Verdict, String) {
    let undetermined = |reason: String| (Verdict::NotDetermined, reason + "; watch longer");
    if let Some((early, late)) = settling {
        undetermined(format!(
            "the process still warms up: its growth fell from {:.2} to {:.2} MB/min",
            early / 1e6,
            late / 1e6
        ))
    } else if low > 0.0 {
        (Verdict::Growing, String::new())
    } else if high < 0.0 {
        undetermined("the memory shrinks".to_owned())
    } else if steady_s < MIN_STEADY_SECONDS {
        undetermined(format!(
            "the steady part is {steady_s:.0} s long, and {MIN_STEADY_SECONDS:.0} s are needed"
        ))
    } else if high >= FLAT_LIMIT || high - low >= 2.0 * FLAT_LIMIT {
        undetermined(format!(
            "up to {:.2} MB/min may be hidden in the noise",
            high.max((high - low) / 2.0) / 1e6
        ))
    } else {
        (Verdict::Flat, String::new())
    }
}

/// Growth of the first and second half of the steady part, bytes per minute, if it clearly falls.
fn settling(steady: &[(f64, f64)]) -> Option<(f64, f64)> {
    let (early, late) = steady.split_at(steady.len() / 2);
    let (early, late) = (LineFit::fit(early)?, LineFit::fit(late)?);
    let error = early.slope_error.hypot(late.slope_error);
    let step = ALLOCATOR_STEP / span(steady);
    let falls = early.slope - late.slope > 1.5 * error.hypot(2.0 * step);
    let much = late.slope < 0.6 * early.slope;
    (falls && much).then_some((60.0 * early.slope, 60.0 * late.slope))
}

/// Number of points that belong to the warm-up, at most two thirds. The line through the last third is extended
/// backwards as long as the parts before lie on it.
fn warm_up_length(course: &[(f64, f64)]) -> usize {
    let count = course.len();
    let start_of = |part: usize| count * part / PARTS;
    let latest = 2 * PARTS / 3;
    // The noise is that of the last third: a warm-up inside the line would pass for noise.
    let Some(noise) = LineFit::fit(&course[start_of(latest)..]) else {
        return 0;
    };
    for part in (0..latest).rev() {
        let later = &course[start_of(part + 1)..];
        let points = &course[start_of(part)..start_of(part + 1)];
        let (Some(line), Some((middle, level))) = (LineFit::fit(later), mean(points)) else {
            continue;
        };
        let error = noise.error_of_prediction(&line, middle, points.len());
        let tolerance = WARM_UP_DEVIATION * error.hypot(ALLOCATOR_STEP / 2.0);
        if (level - line.at(middle)).abs() > tolerance {
            return (start_of(part + 1) * WARM_UP_MARGIN.0 / WARM_UP_MARGIN.1)
                .min(start_of(latest));
        }
    }
    0
}

/// Mean of both coordinates. `None` without points.
#[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
fn mean(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let count = points.len() as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    (!points.is_empty()).then_some((x / count, y / count))
}

fn span(course: &[(f64, f64)]) -> f64 {
    match (course.first(), course.last()) {
        (Some((first, _)), Some((last, _))) => last - first,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
