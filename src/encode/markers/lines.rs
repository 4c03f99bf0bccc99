//! Lines of an object: history, prediction and reachable sets.

use std::iter;

use super::shape::{Point, Prism, drawable_point};
use super::style::{Color, MarkerStyle, MarkerType};
use super::{MarkerArrayWriter, MarkerId};
use sensr_protocol::wire::proto::history::State;
use sensr_protocol::wire::proto::{History, Prediction};

const HISTORY_WIDTH_M: f64 = 0.2;
const PREDICTION_WIDTH_M: f64 = 0.1;
const REACHABLE_WIDTH_M: f64 = 0.05;

/// Opacity of a line at the object and at its far end. Below 1, because rviz blends only lines that are not opaque.
const NEAR_ALPHA: f32 = 0.9;
const FAR_ALPHA: f32 = 0.1;

/// Draws a line through the past positions, more transparent with age. Calls `id` only if a line is drawn.
pub(super) fn draw_history(
    array: &mut MarkerArrayWriter<'_>,
    id: impl FnOnce() -> MarkerId,
    history: Option<&History>,
    color: Color,
) {
    let Some(history) = history else { return };
    let points = history
        .states
        .iter()
        .filter_map(|state| drawable_point(state.position));
    let count = points.clone().count();
    let newest_first = is_newest_first(history);
    let alphas = (0..count).map(|i| {
        let age = if newest_first { i } else { count - 1 - i };
        fade_alpha(age, count)
    });
    draw_line_strip(array, id, points, alphas, LineStyle(HISTORY_WIDTH_M, color));
}

/// Draws a line from the object through its predicted positions, more transparent with time.
pub(super) fn draw_prediction(
    array: &mut MarkerArrayWriter<'_>,
    id: impl FnOnce() -> MarkerId,
    bottom: Point,
    prediction: Option<&Prediction>,
    color: Color,
) {
    let Some(prediction) = prediction else { return };
    let positions = prediction.positions.iter();
    let predicted = positions.filter_map(|&position| drawable_point(Some(position)));
    let points = iter::once(bottom).chain(predicted);
    let count = points.clone().count();
    let alphas = (0..count).map(|i| fade_alpha(i, count));
    draw_line_strip(
        array,
        id,
        points,
        alphas,
        LineStyle(PREDICTION_WIDTH_M, color),
    );
}

/// Draws the outlines of the reachable sets at their bottom, more transparent with time.
pub(super) fn draw_reachable_sets(
    array: &mut MarkerArrayWriter<'_>,
    id: impl FnOnce() -> MarkerId,
    prediction: Option<&Prediction>,
    color: Color,
) {
    let Some(prediction) = prediction else { return };
    let sets = prediction.reachable_set.iter();
    let prisms = sets.filter_map(|set| {
        Prism::from_polygon_box(set.space.as_ref()).filter(|prism| prism.is_polygon())
    });
    let count = prisms.clone().count();
    if count == 0 {
        return;
    }
    let points = prisms
        .clone()
        .flat_map(|prism| prism.outline_at(prism.bottom));
    let alphas = prisms.enumerate().flat_map(|(i, prism)| {
        let alpha = fade_alpha(i, count);
        prism.outline_at(prism.bottom).map(move |_| alpha)
    });
    let scale = [REACHABLE_WIDTH_M, 0.0, 0.0];
    let style = MarkerStyle::of_points(MarkerType::LineList, scale, color.with_alpha(NEAR_ALPHA));
    let colors = alphas.map(|alpha| color.with_alpha(alpha));
    array.add_points(id(), style, points, colors);
}

/// Width in metres, and color.
struct LineStyle(f64, Color);

/// Draws a line of as many points as alphas, if there are at least two.
fn draw_line_strip(
    array: &mut MarkerArrayWriter<'_>,
    id: impl FnOnce() -> MarkerId,
    points: impl Iterator<Item = Point>,
    alphas: impl ExactSizeIterator<Item = f32>,
    LineStyle(width, color): LineStyle,
) {
    if alphas.len() < 2 {
        return;
    }
    let style = MarkerStyle::of_points(
        MarkerType::LineStrip,
        [width, 0.0, 0.0],
        color.with_alpha(NEAR_ALPHA),
    );
    array.add_points(
        id(),
        style,
        points,
        alphas.map(|alpha| color.with_alpha(alpha)),
    );
}

/// Returns the opacity of a step, from [`NEAR_ALPHA`] at step 0 to [`FAR_ALPHA`] at the last of `count` steps.
fn fade_alpha(step: usize, count: usize) -> f32 {
    let float = |value: usize| f32::from(u16::try_from(value).unwrap_or(u16::MAX));
    let part = float(step) / float(count.saturating_sub(1)).max(1.0);
    NEAR_ALPHA + part * (FAR_ALPHA - NEAR_ALPHA)
}

/// Returns whether the states begin with the newest, by their times: SENSR does not specify their order.
fn is_newest_first(history: &History) -> bool {
    let time = |state: Option<&State>| state?.timestamp.map(|time| (time.seconds, time.nanos));
    match (time(history.states.first()), time(history.states.last())) {
        (Some(first), Some(last)) => first > last,
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "exact in both")]
mod tests {
    use prost_types::Timestamp;

    use super::super::rviz::{Marker, markers_of};
    use super::*;
    use sensr_protocol::wire::proto::prediction::ReachableSet;
    use sensr_protocol::wire::proto::{BoundingBox, Object, PolygonBox, Vector2, Vector3};

    fn vector(x: f32) -> Vector3 {
        Vector3 { x, y: 0.0, z: 0.5 }
    }

    fn marker_of(namespace: &str, past: History, future: Prediction) -> Option<Marker> {
        let object = Object {
            bbox: Some(BoundingBox {
                position: Some(vector(0.0)),
                ..BoundingBox::default()
            }),
            history: Some(past),
            prediction: Some(future),
            ..Object::default()
        };
        markers_of(object).remove(namespace)
    }

    /// States at the given seconds, each at x = its second.
    fn past(seconds: &[i16]) -> Option<Marker> {
        let states = seconds.iter().map(|&seconds| State {
            position: Some(vector(seconds.into())),
            timestamp: Some(Timestamp {
                seconds: seconds.into(),
                nanos: 0,
            }),
        });
        let states = states.collect();
        marker_of("history", History { states }, Prediction::default())
    }

    fn alphas(marker: &Marker) -> Vec<f32> {
        marker.colors.iter().map(|color| color[3]).collect()
    }

    #[test]
    fn history_is_more_transparent_where_it_is_older() {
        for seconds in [[1, 2, 3], [3, 2, 1]] {
            let line = past(&seconds).expect("a line");
            let xs: Vec<_> = line.points.iter().map(|point| point[0]).collect();
            assert_eq!(xs, seconds.map(f64::from));
            let alphas = alphas(&line);
            let newer = seconds[0] < seconds[2];
            assert!(alphas.is_sorted_by(|a, b| (a < b) == newer), "{alphas:?}");
        }
    }

    #[test]
    fn single_state_is_not_drawn() {
        assert!(past(&[]).is_none() && past(&[1]).is_none());
        assert_eq!(past(&[1, 2]).expect("a line").points.len(), 2);
    }

    #[test]
    fn prediction_begins_at_the_object() {
        let predicted = |xs: &[f32]| {
            let positions = xs.iter().map(|&x| vector(x)).collect();
            let future = Prediction {
                positions,
                ..Prediction::default()
            };
            marker_of("prediction", History::default(), future)
        };
        assert!(predicted(&[]).is_none() && predicted(&[f32::NAN]).is_none());
        let line = predicted(&[1.0, f32::NAN, 2.0]).expect("a line");
        assert_eq!(
            line.points,
            [[0.0, 0.0, 0.5], [1.0, 0.0, 0.5], [2.0, 0.0, 0.5]]
        );
        assert!(alphas(&line).is_sorted_by(|a, b| a > b), "paler with time");
    }

    #[test]
    fn reachable_sets_are_outlined_at_their_bottom() {
        let space = |corners: &[(f32, f32)]| ReachableSet {
            t_offset: 1.0,
            space: Some(PolygonBox {
                points: corners.iter().map(|&(x, y)| Vector2 { x, y }).collect(),
                min_z: 0.25,
                max_z: 2.0,
            }),
        };
        let sets = |reachable_set| {
            let future = Prediction {
                reachable_set,
                ..Prediction::default()
            };
            marker_of("reachable", History::default(), future)
        };
        let triangle = space(&[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]);
        let line = space(&[(0.0, 0.0), (1.0, 0.0)]);
        assert!(sets(vec![line.clone()]).is_none());
        let outlines = sets(vec![triangle.clone(), line, triangle]).expect("two");
        assert_eq!((outlines.points.len(), outlines.colors.len()), (12, 12));
        assert!(outlines.points.iter().all(|point| point[2] == 0.25));
    }
}
