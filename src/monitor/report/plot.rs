//! Plot of a run as SVG or PNG: memory, rates, queues and loss over time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use epaint_default_fonts::UBUNTU_LIGHT;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;

use super::Collector;
use super::series::SeriesPoint;

/// Size of the plot in pixels.
const SIZE: (u32, u32) = (1200, 1120);
/// Family of the font. In an SVG file the reader's own one stands for it.
const FONT: &str = "sans-serif";
/// Length of the time axis, as part of the run: the legend stands behind its end.
const LEGEND_ROOM: f64 = 1.22;
/// Colors of the lines, one after the other; readers with a color vision deficiency can tell them apart (Okabe and Ito).
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];

/// Format of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlotFormat {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
}

impl PlotFormat {
    /// Returns the format that the extension of a file name tells, in any case of letters. `None` for any other.
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "svg" => Some(Self::Svg),
            "png" => Some(Self::Png),
            _ => None,
        }
    }
}

/// Reason why a plot could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The extension names no format.
    #[error("{}: the name of a plot ends with .svg or .png", .0.display())]
    UnknownFormat(PathBuf),
    /// The plot could not be drawn.
    #[error("the plot could not be drawn: {0}")]
    Drawing(String),
    /// The file could not be written.
    #[error("{}: the plot could not be written: {source}; check folder, rights and free space", path.display())]
    File {
        /// File.
        path: PathBuf,
        /// Error of the system.
        source: std::io::Error,
    },
}

/// Draws what the collector has gathered up to `now` and writes the plot, replacing a file of the same name.
pub fn write_plot(collector: &Collector, now: Instant, path: &Path) -> Result<(), PlotError> {
    let bytes = match PlotFormat::of_path(path) {
        None => return Err(PlotError::UnknownFormat(path.to_owned())),
        Some(PlotFormat::Svg) => draw_svg(collector, now)?.into_bytes(),
        Some(PlotFormat::Png) => draw_png(collector, now)?,
    };
    fs::write(path, bytes).map_err(|source| PlotError::File {
        path: path.to_owned(),
        source,
    })
}

fn draw_svg(collector: &Collector, now: Instant) -> Result<String, PlotError> {
    let mut svg = String::new();
    draw(
        &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(),
        collector,
        now,
    )?;
    Ok(svg)
}

fn draw_png(collector: &Collector, now: Instant) -> Result<Vec<u8>, PlotError> {
    let (width, height) = SIZE;
    let mut pixels = vec![0; width as usize * height as usize * 3];
    draw(
        &BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area(),
        collector,
        now,
    )?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let encode = |mut encoder: png::Encoder<'_, &mut Vec<u8>>| {
        encoder.set_compression(png::Compression::Balanced);
        encoder.write_header()?.write_image_data(&pixels)
    };
    encode(encoder).map_err(|error| PlotError::Drawing(error.to_string()))?;
    Ok(bytes)
}

/// Registers the font for all plots of the process: servers often have none.
fn register_embedded_font() -> Result<(), PlotError> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let is_registered =
        REGISTERED.get_or_init(|| register_font(FONT, FontStyle::Normal, UBUNTU_LIGHT).is_ok());
    if *is_registered {
        Ok(())
    } else {
        Err(PlotError::Drawing(
            "the embedded font is invalid".to_owned(),
        ))
    }
}

/// A line of a panel.
struct Line {
    name: String,
    /// Seconds since the start, and values. A gap begins a new part.
    parts: Vec<Vec<(f64, f64)>>,
}

/// Reads one quantity of an interval.
type Quantity<'a> = &'a dyn Fn(&SeriesPoint) -> Option<f64>;

/// A panel: one quantity over time.
struct Panel {
    title: &'static str,
    unit: &'static str,
    lines: Vec<Line>,
}

fn draw<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    collector: &Collector,
    now: Instant,
) -> Result<(), PlotError> {
    register_embedded_font()?;
    let seconds = collector.elapsed(now).as_secs_f64().max(1.0);
    let panels = panels(collector);
    let drawn = || {
        area.fill(&WHITE)?;
        let areas = area.split_evenly((panels.len(), 1));
        for (area, panel) in areas.iter().zip(&panels) {
            draw_panel(area, panel, seconds)?;
        }
        area.present()
    };
    drawn().map_err(|error| PlotError::Drawing(error.to_string()))
}

fn draw_panel<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    panel: &Panel,
    seconds: f64,
) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
    let (unit, divisor) = time_unit(seconds);
    let values = panel
        .lines
        .iter()
        .flat_map(|line| line.parts.iter().flatten());
    let largest = values.map(|(_, value)| *value).fold(0.0, f64::max);
    let top = if largest > 0.0 { largest * 1.08 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, {}", panel.title, panel.unit), (FONT, 20))
        .margin(10)
        .margin_right(30)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..LEGEND_ROOM * seconds / divisor, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc(format!("time since the start of the monitor, {unit}"))
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 14))
        .light_line_style(WHITE)
        .draw()?;
    for (line, color) in panel.lines.iter().zip(COLORS.iter().cycle()) {
        for (index, part) in line.parts.iter().enumerate() {
            let points = part
                .iter()
                .map(|(second, value)| (second / divisor, *value));
            let drawn = chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
            if index == 0 {
                drawn.label(&line.name).legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 20, y)], color.stroke_width(2))
                });
            }
        }
    }
    if !panel.lines.is_empty() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font((FONT, 14))
            .draw()?;
    }
    Ok(())
}

/// Returns the unit in which a run of that length is shown, and its length in seconds.
fn time_unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        short if short < 300.0 => ("seconds", 1.0),
        short if short < 3.0 * 3600.0 => ("minutes", 60.0),
        long if long < 3.0 * 86_400.0 => ("hours", 3600.0),
        _ => ("days", 86_400.0),
    }
}

fn panels(collector: &Collector) -> [Panel; 4] {
    let lines = |quantities: &[(&str, Quantity<'_>)]| {
        let mut lines = Vec::new();
        for (namespace, series) in collector.series() {
            for (quantity, value) in quantities {
                let parts = parts_of(series, value);
                if !parts.is_empty() {
                    lines.push(Line {
                        name: format!("{namespace} {quantity}").trim().to_owned(),
                        parts,
                    });
                }
            }
        }
        lines
    };
    let per_second = |count: fn(&SeriesPoint) -> u64| {
        move |point: &SeriesPoint| {
            #[expect(clippy::cast_precision_loss, reason = "only for display")]
            let count = count(point) as f64;
            (point.counted_s > 0.0).then(|| count / point.counted_s)
        }
    };
    let megabytes = |bytes: Option<f64>| bytes.map(|bytes| bytes / 1e6);
    [
        Panel {
            title: "Resident memory",
            unit: "MB",
            lines: lines(&[
                ("bridge", &|point| megabytes(point.bridge_bytes)),
                ("recorder", &|point| megabytes(point.recorder_bytes)),
            ]),
        },
        Panel {
            title: "Messages of all topics",
            unit: "per second",
            lines: lines(&[
                ("received", &per_second(|point| point.change.received)),
                ("published", &per_second(|point| point.change.published)),
            ]),
        },
        Panel {
            title: "Fullest queue",
            unit: "% of its bound",
            lines: lines(&[("", &|point| {
                (point.bridge_bytes.is_some()).then_some(100.0 * point.change.queue_fill)
            })]),
        },
        Panel {
            title: "Lost messages, dropped or malformed",
            unit: "per second",
            lines: lines(&[("", &per_second(|point| point.change.lost))]),
        },
    ]
}

/// Returns the values over time, divided at gaps that are long beside the usual distance.
fn parts_of(series: &[SeriesPoint], value: Quantity<'_>) -> Vec<Vec<(f64, f64)>> {
    let points: Vec<(f64, f64)> = series
        .iter()
        .filter_map(|point| value(point).map(|value| (point.end_s, value)))
        .collect();
    let mut distances: Vec<f64> = points
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    distances.sort_by(f64::total_cmp);
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(0.0);
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for point in points {
        let last = parts.last().and_then(|part| part.last());
        match last {
            Some(last) if point.0 - last.0 <= 5.0 * usual.max(1.0) => {
                if let Some(part) = parts.last_mut() {
                    part.push(point);
                }
            }
            _ => parts.push(vec![point]),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::monitor::test_samples::bridge_sample;

    /// Collector of two bridges, one of which was silent for a while.
    fn collector(start: Instant) -> Collector {
        let mut collector = Collector::new(None, start);
        for second in 1..400 {
            let now = start + Duration::from_secs(second);
            let mut sample = bridge_sample(0, second);
            sample.rss_bytes += second * 100_000;
            collector.on_statistics("/samyang", &sample, now);
            if !(100..250).contains(&second) {
                collector.on_statistics("/항구 <&>", &bridge_sample(0, second), now);
            }
        }
        collector
    }

    #[test]
    fn an_svg_file_has_all_panels_and_lines_as_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.svg");
        let start = Instant::now();
        write_plot(&collector(start), start + Duration::from_secs(400), &path).expect("written");
        let svg = fs::read_to_string(path).expect("readable");
        for words in [
            "Resident memory, MB",
            "Messages of all topics, per second",
            "Fullest queue",
            "Lost messages",
            "/samyang bridge",
            "minutes",
            "&lt;&amp;&gt;",
        ] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn a_png_file_has_text_and_lines_in_its_pixels() {
        let start = Instant::now();
        let bytes = draw_png(&collector(start), start + Duration::from_secs(400)).expect("drawn");
        let decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        let mut reader = decoder.read_info().expect("a PNG file");
        let mut pixels = vec![0; reader.output_buffer_size().expect("small")];
        let info = reader.next_frame(&mut pixels).expect("a picture");
        assert_eq!((info.width, info.height), SIZE);
        let count = |wanted: &dyn Fn(&[u8]) -> bool| pixels.chunks(3).filter(|p| wanted(p)).count();
        let RGBColor(red, green, blue) = COLORS[0];
        assert!(count(&|pixel| pixel == [red, green, blue]) > 500);
        assert!(count(&|pixel| pixel.iter().all(|part| *part < 64)) > 500);
    }

    #[test]
    fn a_run_without_samples_has_a_plot_too() {
        let start = Instant::now();
        let collector = Collector::new(None, start);
        assert!(
            draw_svg(&collector, start)
                .expect("drawn")
                .contains("Resident memory")
        );
        draw_png(&collector, start).expect("drawn");
    }

    #[test]
    fn a_silence_is_a_gap_in_the_line() {
        let start = Instant::now();
        let collector = collector(start);
        let parts: Vec<usize> = collector
            .series()
            .map(|(_, series)| parts_of(series, &|point| point.bridge_bytes).len())
            .collect();
        assert_eq!(parts, [1, 2]);
    }

    #[test]
    fn other_names_and_folders_are_refused_with_the_reason() {
        let now = Instant::now();
        let refusal = |path: &str| {
            let refusal = write_plot(&Collector::new(None, now), now, Path::new(path));
            refusal.expect_err("refused").to_string()
        };
        assert!(refusal("run.pdf").contains(".svg or .png"));
        assert!(refusal("/no/such/folder/run.svg").contains("/no/such/folder/run.svg"));
    }
}
