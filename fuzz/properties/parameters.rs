//! Parameter changes.

use std::borrow::Cow;

use sensr_bridge::config::table::{
    BRIDGE, Parameter, ParameterKind as Kind, ParameterTable, RECORDER,
};
use sensr_bridge::config::{Config, RecorderConfig, Settings, Value};

use super::hosts::assert_one_line;
use super::input::Input;

/// Limit on the changes of a run.
const MAX_CHANGES: usize = 16;

/// Changes in each table, each with a name (from the table, with one wrong letter, or any) and a value.
///
/// A change is refused with one line that names the parameter and has no effect; or it is within the range in the table,
/// and the value reads back. The settings always yield a configuration or a one-line error.
///
/// # Panics
///
/// If that does not hold.
pub fn parameters(data: &[u8]) {
    let bridge = changed_settings(data, &BRIDGE);
    if let Err(error) = Config::from_settings(&bridge) {
        assert_one_line(&error.to_string());
    }
    let recorder = changed_settings(data, &RECORDER);
    if let Err(error) = RecorderConfig::from_settings(&recorder) {
        assert_one_line(&error.to_string());
    }
}

fn changed_settings(data: &[u8], table: &'static ParameterTable) -> Settings {
    let mut input = Input(data);
    let mut settings = Settings::of(table);
    let parameters = table.parameters;
    let mut expected: Vec<Value> = parameters.iter().map(Parameter::default).collect();
    for _ in 0..MAX_CHANGES {
        if input.is_empty() {
            break;
        }
        let name = read_name(&mut input, parameters);
        let value = read_value(&mut input);
        match settings.set(&name, value.clone()) {
            Ok(()) => {
                let index =
                    find_index(&name, parameters).expect("only what is declared is accepted");
                let declared = &parameters[index];
                expected[index] = as_declared(declared, value);
                assert_in_range(declared, &expected[index]);
            }
            Err(error) => {
                let line = error.to_string();
                assert_one_line(&line);
                assert!(line.contains(&*name.escape_debug().to_string()), "{line}");
            }
        }
    }
    for (parameter, expected) in parameters.iter().zip(&expected) {
        assert_eq!(settings.get(parameter.name), Some(expected));
    }
    settings
}

fn find_index(name: &str, parameters: &[Parameter]) -> Option<usize> {
    parameters
        .iter()
        .position(|parameter| parameter.name == name)
}

fn read_name<'a>(input: &mut Input<'a>, parameters: &[Parameter]) -> Cow<'a, str> {
    let choice = input.byte();
    let declared = parameters[usize::from(choice) % parameters.len()].name;
    match input.byte() {
        0..=159 => declared.into(),
        160..=199 => {
            let mut name: Vec<char> = declared.chars().collect();
            let place = usize::from(input.byte()) % name.len();
            name[place] = input.byte().into();
            name.into_iter().collect::<String>().into()
        }
        _ => read_text(input),
    }
}

fn read_text<'a>(input: &mut Input<'a>) -> Cow<'a, str> {
    let length = input.byte();
    String::from_utf8_lossy(input.take(length.into()))
}

fn read_value(input: &mut Input<'_>) -> Value {
    let kind = input.byte();
    let mut eight = || std::array::from_fn(|_| input.byte());
    match kind % 8 {
        0 => Value::Bool(kind >= 128),
        1 => Value::Integer(i64::from_le_bytes(eight())),
        2 => Value::Integer(input.byte().into()),
        3 => Value::Double(f64::from_le_bytes(eight())),
        4 => Value::Double(f64::from(input.byte()) / 16.0),
        5 => Value::Integer(i64::from(input.byte()) << 20),
        6 => {
            const WORDS: [&str; 6] = ["", "server", "receive", "reliable", "best_effort", "sensr"];
            Value::String(WORDS[usize::from(input.byte()) % WORDS.len()].into())
        }
        _ => Value::String(read_text(input).into_owned()),
    }
}

/// Converts an integer for a parameter of type double.
#[expect(clippy::cast_precision_loss, reason = "as the table does")]
fn as_declared(parameter: &Parameter, value: Value) -> Value {
    match (parameter.kind, value) {
        (Kind::Double { .. }, Value::Integer(value)) => Value::Double(value as f64),
        (_, value) => value,
    }
}

fn assert_in_range(parameter: &Parameter, value: &Value) {
    let in_range = match (parameter.kind, value) {
        (Kind::Bool { .. }, Value::Bool(_)) => true,
        (Kind::Integer { min, max, .. }, Value::Integer(value)) => min <= *value && *value <= max,
        (Kind::Double { min, max, .. }, Value::Double(value)) => min <= *value && *value <= max,
        // No ROS string holds a NUL.
        (Kind::String { .. }, Value::String(value)) => !value.contains('\0'),
        _ => false,
    };
    assert!(in_range, "{}: {value:?}", parameter.name);
}
