//! The commands `tracks` and `events`: recorded messages as a table.

mod flatten;

use std::collections::HashMap;
use std::sync::Arc;

use ros_bag::{FieldType, Message, MessageType, Topic, TypeCache, Value};
use sensr_bridge::topic::Topic as BridgeTopic;

use super::arguments::TableOptions;
use super::error::Error;
use super::messages::{Form, is_on, read_values, type_of};
use super::recording::Recording;
use super::table::{self, Cell, CellKind, Column};
use flatten::{append_cells, columns_of};

const OBJECTS: &str = BridgeTopic::Objects.message_type();
const EVENTS: [&str; 3] = [
    BridgeTopic::ZoneEvents.message_type(),
    BridgeTopic::LosingEvents.message_type(),
    BridgeTopic::RecalibrationEvents.message_type(),
];
/// Lists of an [`OBJECTS`] message.
const LISTS: [&str; 2] = ["objects", "static_objects"];

/// Writes one row for each object in each message.
pub(crate) fn export_tracks(options: &TableOptions) -> Result<(), Error> {
    export(options, "of tracked objects", &[OBJECTS], Layout::Objects)
}

/// Writes one row for each event.
pub(crate) fn export_events(options: &TableOptions) -> Result<(), Error> {
    export(options, "of events", &EVENTS, Layout::Messages)
}

/// Relation of rows to messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// A row for each message.
    Messages,
    /// A row for each object in the lists of the message.
    Objects,
}

fn export(
    options: &TableOptions,
    wanted: &str,
    kinds: &[&str],
    layout: Layout,
) -> Result<(), Error> {
    let source = &options.source;
    let recording = Recording::open(&source.bag)?;
    let is_sought = |topic: &Topic| kinds.contains(&topic.kind.as_str());
    let topics = recording.topics(&source.topic, wanted, is_sought)?;
    let range = recording.range(source)?;
    let mut rows = Rows::new(&topics, layout)?;
    let mut table = table::create(options.output.as_deref(), options.overwrite, &rows.columns)?;
    read_values(&recording, range, is_on(&topics), |message, value| {
        for row in rows.of_message(message, value)? {
            table.write_row(&row)?;
        }
        Ok(Form::Valid)
    })?;
    table.finish()
}

/// Conversion of messages into rows of one table.
struct Rows {
    layout: Layout,
    columns: Vec<Column>,
    types: TypeCache,
    /// Columns of the table for the cells of each type.
    places: HashMap<String, Arc<[usize]>>,
}

/// First columns of each row: the time of recording and the topic.
const FIRST: usize = 2;

impl Rows {
    fn new(topics: &[Topic], layout: Layout) -> Result<Self, Error> {
        let mut rows = Self {
            layout,
            columns: vec![
                Column {
                    name: "recorded".to_owned(),
                    kind: CellKind::Time,
                },
                Column {
                    name: "topic".to_owned(),
                    kind: CellKind::Text,
                },
            ],
            types: TypeCache::default(),
            places: HashMap::new(),
        };
        for topic in topics {
            rows.places_of(topic)?;
        }
        Ok(rows)
    }

    /// Returns the columns for the cells of a topic. Columns of the same name are shared among the types.
    fn places_of(&mut self, topic: &Topic) -> Result<Arc<[usize]>, Error> {
        if let Some(places) = self.places.get(&topic.kind) {
            return Ok(Arc::clone(places));
        }
        let kind = type_of(&mut self.types, topic)?;
        let columns = match self.layout {
            Layout::Messages => columns_of(&kind, &[]),
            Layout::Objects => columns_of_objects(&kind),
        };
        let mut places = Vec::new();
        for column in columns {
            let known = self.columns.iter().position(|one| one.name == column.name);
            let place = known.unwrap_or(self.columns.len());
            if known.is_none() {
                self.columns.push(column);
            } else if self.columns[place].kind != column.kind || places.contains(&place) {
                return Err(Error::Type {
                    topic: topic.name.clone(),
                    reason: format!(
                        "{} has another type than in the other messages: choose one with --topic",
                        column.name
                    ),
                });
            }
            places.push(place);
        }
        let places: Arc<[usize]> = places.into();
        self.places.insert(topic.kind.clone(), Arc::clone(&places));
        Ok(places)
    }

    /// Returns the rows of a message.
    fn of_message(
        &mut self,
        message: &Message<'_>,
        value: &Value<'_>,
    ) -> Result<Vec<Vec<Cell>>, Error> {
        let places = self.places_of(message.topic)?;
        let recorded = Cell::Time(message.recorded_ns.cast_signed());
        let topic = Cell::Text(message.topic.name.clone());
        let row = |cells: Vec<Cell>| {
            let mut row = vec![Cell::Empty; self.columns.len()];
            for (cell, place) in cells.into_iter().zip(&*places) {
                row[*place] = cell;
            }
            row[..FIRST].clone_from_slice(&[recorded.clone(), topic.clone()]);
            row
        };
        Ok(match self.layout {
            Layout::Messages => {
                let mut cells = Vec::new();
                append_cells(value, &[], &mut cells);
                vec![row(cells)]
            }
            Layout::Objects => cells_of_objects(value).map(row).collect(),
        })
    }
}

/// Returns the columns of the message around the lists, the name of the list, and the columns of an object.
fn columns_of_objects(kind: &MessageType) -> Vec<Column> {
    let mut columns = columns_of(kind, &LISTS);
    columns.push(Column {
        name: "list".to_owned(),
        kind: CellKind::Text,
    });
    let lists = LISTS.iter().filter_map(|list| kind.position(list));
    let mut elements = lists.map(|at| &kind.fields[at].kind);
    let element = elements.find_map(|kind| match kind {
        FieldType::Message(kind) => Some(kind),
        _ => None,
    });
    columns.extend(
        element
            .map(|kind| columns_of(kind, &[]))
            .unwrap_or_default(),
    );
    columns
}

fn cells_of_objects<'a>(message: &'a Value<'a>) -> impl Iterator<Item = Vec<Cell>> + 'a {
    let mut around = Vec::new();
    append_cells(message, &LISTS, &mut around);
    LISTS.into_iter().flat_map(move |list| {
        let objects = message.get(list).and_then(Value::as_list);
        let around = around.clone();
        objects.unwrap_or_default().iter().map(move |object| {
            let mut cells = around.clone();
            cells.push(Cell::Text(list.to_owned()));
            append_cells(object, &[], &mut cells);
            cells
        })
    })
}
