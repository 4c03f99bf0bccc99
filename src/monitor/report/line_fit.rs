//! Straight line through a series whose noise may be correlated in time, with an honest uncertainty of its slope.

/// Fewest points from which the noise can be told.
const MIN_POINTS: usize = 12;
/// Fewest means of neighbouring points from which the noise can be told better than from the points.
const MIN_BLOCKS: usize = 20;
/// Largest correlation between neighbours that is corrected for: a stronger one cannot be told from a trend.
const MAX_CORRELATION: f64 = 0.95;
/// Fewest degrees of freedom for which the quantile is accurate.
const MIN_FREEDOM: f64 = 3.0;

/// Straight line `mean_y + slope * (x - mean_x)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LineFit {
    /// Slope.
    pub(super) slope: f64,
    /// Half of the width of the 95 % confidence interval of the slope.
    pub(super) slope_error: f64,
    /// Half of the width of the 95 % confidence interval of the line at `mean_x`.
    level_error: f64,
    mean_x: f64,
    mean_y: f64,
    /// Number of points.
    count: f64,
    /// Sum of the squared distances from `mean_x`.
    sxx: f64,
}

impl LineFit {
    /// Fits a line by least squares to points with about equal distances in x. `None` for too few points, or all at the
    /// same x.
    ///
    /// Noise of neighbouring points may be correlated over any time that is short against the series: the uncertainty is
    /// computed from the points, and from means of 2, 4, 8 … neighbours, each corrected for the correlation that is left
    /// (as a first-order autoregressive process, and that for the bias which the fit itself causes). The largest
    /// uncertainty is taken.
    #[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
    pub(super) fn fit(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < MIN_POINTS {
            return None;
        }
        let count = points.len() as f64;
        let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let (mut sxx, mut sxy) = (0.0, 0.0);
        for (x, y) in points {
            sxx += (x - mean_x).powi(2);
            sxy += (x - mean_x) * (y - mean_y);
        }
        if sxx <= 0.0 {
            return None;
        }
        let slope = sxy / sxx;
        let residuals: Vec<f64> = points
            .iter()
            .map(|(x, y)| y - mean_y - slope * (x - mean_x))
            .collect();
        let mut level_error = mean_error(&residuals, 1);
        let mut block = 2;
        while residuals.len() / block >= MIN_BLOCKS {
            level_error = level_error.max(mean_error(&residuals, block));
            block *= 2;
        }
        Some(Self {
            slope,
            slope_error: level_error * (count / sxx).sqrt(),
            level_error,
            mean_x,
            mean_y,
            count,
            sxx,
        })
    }

    /// Returns the value of the line.
    pub(super) fn at(&self, x: f64) -> f64 {
        self.mean_y + self.slope * (x - self.mean_x)
    }

    /// Returns half of the width of the 95 % interval in which the mean of `points` further points about `x` is expected by
    /// `line`, if its noise is that of the points of this fit.
    #[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
    pub(super) fn error_of_prediction(&self, line: &Self, x: f64, points: usize) -> f64 {
        let variance_of_point = self.level_error.powi(2) * self.count;
        let distance = x - line.mean_x;
        let share = 1.0 / line.count + distance * distance / line.sxx + 1.0 / points as f64;
        (variance_of_point * share).sqrt()
    }
}

/// Half of the width of the 95 % confidence interval of the mean, from the residuals of a line, taken in blocks.
#[expect(clippy::cast_precision_loss, reason = "numbers of points are small")]
fn mean_error(residuals: &[f64], block: usize) -> f64 {
    // The blocks end with the last residual.
    let skipped = residuals.len() % block;
    let means: Vec<f64> = residuals[skipped..]
        .chunks_exact(block)
        .map(|chunk| chunk.iter().sum::<f64>() / block as f64)
        .collect();
    let count = means.len() as f64;
    let power: f64 = means.iter().map(|mean| mean * mean).sum();
    if power <= 0.0 {
        return 0.0;
    }
    let covariance: f64 = means.windows(2).map(|pair| pair[0] * pair[1]).sum();
    // The residuals of a line are less correlated than the noise: (2 + 4 r) / n is the first order of the bias.
    let correlation = (covariance / power + 2.0 / count) / (1.0 - 4.0 / count);
    let correlation = correlation.clamp(0.0, MAX_CORRELATION);
    let inflation = (1.0 + correlation) / (1.0 - correlation);
    let freedom = (count / inflation - 2.0).max(MIN_FREEDOM);
    // Two parameters of the line, each of which takes as much of the variance as its correlated noise has.
    let variance = power / (count - 2.0 * inflation).max(count / 3.0);
    quantile_975(freedom) * (variance * inflation / count).sqrt()
}

/// Quantile 0.975 of Student's t distribution (Abramowitz and Stegun, 26.7.5).
pub(super) fn quantile_975(freedom: f64) -> f64 {
    let z: f64 = 1.959_964;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_line_is_found_without_uncertainty() {
        let points: Vec<(f64, f64)> = (0..50).map(f64::from).map(|x| (x, 3.0 + 2.0 * x)).collect();
        let fit = LineFit::fit(&points).expect("enough points");
        assert!((fit.slope - 2.0).abs() < 1e-12 && fit.slope_error < 1e-12);
        assert!((fit.at(100.0) - 203.0).abs() < 1e-9);
    }

    #[test]
    fn too_few_points_or_one_x_have_no_line() {
        assert_eq!(LineFit::fit(&[(0.0, 1.0); 11]), None);
        assert_eq!(LineFit::fit(&[(5.0, 1.0); 100]), None);
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [(3.0, 3.182), (5.0, 2.571), (10.0, 2.228), (100.0, 1.984)] {
            let error: f64 = quantile_975(freedom) - expected;
            assert!(error.abs() < 0.05, "{freedom}: {}", quantile_975(freedom));
        }
    }

    #[test]
    fn correlated_noise_widens_the_interval() {
        let wave = |period: f64| {
            let points: Vec<(f64, f64)> = (0..600)
                .map(f64::from)
                .map(|x| (x, (x / period * std::f64::consts::TAU).sin()))
                .collect();
            LineFit::fit(&points).expect("enough points").slope_error
        };
        assert!(wave(60.0) > 3.0 * wave(2.2));
    }
}
