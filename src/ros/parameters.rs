//! The node's parameter services, and `/parameter_events`.
//!
//! Not r2r's own handler: that one knows no ranges and no read-only parameters, and announces no changes.

use r2r::rcl_interfaces::{msg, srv};
use r2r::{Node, Publisher, QosProfile};

use super::ros_types::time;
use super::service_queue::ServiceQueue;
use super::{Error, RuntimeError};
use crate::config::set_request::SetRequest;
use crate::config::table::{self, PARAMETERS, Parameter, ParameterKind};
use crate::config::{Config, ParameterError, Settings, Value};
use crate::time::stamp::Stamp;

/// Answers the parameter services. To be [served](Self::serve) by the thread that spins the node.
pub(super) struct ParameterServer {
    node_name: String,
    settings: Settings,
    requests: Requests,
    events: Publisher<msg::ParameterEvent>,
}

struct Requests {
    set: ServiceQueue<srv::SetParameters::Service>,
    set_atomically: ServiceQueue<srv::SetParametersAtomically::Service>,
    get: ServiceQueue<srv::GetParameters::Service>,
    types: ServiceQueue<srv::GetParameterTypes::Service>,
    list: ServiceQueue<srv::ListParameters::Service>,
    describe: ServiceQueue<srv::DescribeParameters::Service>,
}

impl ParameterServer {
    pub(super) fn new(node: &mut Node, settings: Settings) -> Result<Self, Error> {
        let node_name = node
            .fully_qualified_name()
            .map_err(RuntimeError::ros("name the node"))?;
        let events = node
            .create_publisher("/parameter_events", QosProfile::parameter_events())
            .map_err(RuntimeError::ros("publish /parameter_events"))?;
        let qos = QosProfile::parameters;
        let requests = Requests {
            set: ServiceQueue::open(node, "set_parameters", qos())?,
            set_atomically: ServiceQueue::open(node, "set_parameters_atomically", qos())?,
            get: ServiceQueue::open(node, "get_parameters", qos())?,
            types: ServiceQueue::open(node, "get_parameter_types", qos())?,
            list: ServiceQueue::open(node, "list_parameters", qos())?,
            describe: ServiceQueue::open(node, "describe_parameters", qos())?,
        };
        let server = Self {
            node_name,
            settings,
            requests,
            events,
        };
        let all: Vec<&str> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        server.announce(|event| &mut event.new_parameters, &all);
        Ok(server)
    }

    /// Answers all waiting requests, and returns how many there were. `apply` puts a checked configuration into
    /// effect, or says why it cannot; then the request is refused with that reason.
    pub(super) fn serve(&mut self, mut apply: impl FnMut(&Config) -> Result<(), Error>) -> usize {
        let Self {
            settings,
            requests,
            node_name,
            ..
        } = self;
        let mut changed: Vec<&'static str> = Vec::new();
        let mut set = |parameters: &[msg::Parameter], is_atomic| {
            let outcome = change(settings, parameters, is_atomic, node_name, &mut apply);
            for name in outcome.changed {
                if !changed.contains(&name) {
                    changed.push(name);
                }
            }
            outcome.results
        };
        let mut served = requests.set.answer(|request| srv::SetParameters::Response {
            results: set(&request.parameters, false)
                .into_iter()
                .map(result)
                .collect(),
        });
        served +=
            requests
                .set_atomically
                .answer(|request| srv::SetParametersAtomically::Response {
                    result: result(set(&request.parameters, true).into_iter().collect()),
                });
        served += requests.get.answer(|request| srv::GetParameters::Response {
            values: request
                .names
                .iter()
                .map(|name| message_of(settings.get(name)))
                .collect(),
        });
        served += requests
            .types
            .answer(|request| srv::GetParameterTypes::Response {
                types: request
                    .names
                    .iter()
                    .map(|name| message_of(settings.get(name)).type_)
                    .collect(),
            });
        served += requests
            .list
            .answer(|request| srv::ListParameters::Response {
                result: list(&request.prefixes, request.depth),
            });
        served += requests
            .describe
            .answer(|request| srv::DescribeParameters::Response {
                descriptors: request.names.iter().map(|name| describe(name)).collect(),
            });
        if !changed.is_empty() {
            self.announce(|event| &mut event.changed_parameters, &changed);
        }
        served
    }

    fn announce(
        &self,
        part: impl FnOnce(&mut msg::ParameterEvent) -> &mut Vec<msg::Parameter>,
        names: &[&str],
    ) {
        let mut event = msg::ParameterEvent {
            stamp: time(Stamp::now()),
            node: self.node_name.clone(),
            ..Default::default()
        };
        *part(&mut event) = names
            .iter()
            .map(|name| msg::Parameter {
                name: (*name).to_owned(),
                value: message_of(self.settings.get(name)),
            })
            .collect();
        if let Err(error) = self.events.publish(&event) {
            log::warn!("could not announce a parameter change: {error}");
        }
    }
}

/// The outcome of a request.
struct Outcome {
    /// For each parameter of the request the reason why it is refused, if it is.
    results: Vec<Result<(), String>>,
    /// The parameters that have another value now.
    changed: Vec<&'static str>,
}

/// Changes those of `parameters` that can be changed by themselves, if they fit together, else none. If `is_atomic`, one
/// that cannot be changed keeps all others from it.
fn change(
    settings: &mut Settings,
    parameters: &[msg::Parameter],
    is_atomic: bool,
    node_name: &str,
    apply: &mut impl FnMut(&Config) -> Result<(), Error>,
) -> Outcome {
    let requested = parameters
        .iter()
        .map(|msg::Parameter { name, value }| (&**name, from_message(name, value)));
    let request = SetRequest::check(settings, requested);
    let mut results: Vec<Result<(), String>> = parameters
        .iter()
        .zip(&request.refusals)
        .map(|(parameter, refusal)| match refusal {
            None => Ok(()),
            Some(error) => Err(with_cure(error, parameter, node_name)),
        })
        .collect();
    for reason in results.iter().filter_map(|result| result.as_ref().err()) {
        log::warn!("parameter change refused: {reason}");
    }
    let changed = request.changed(settings);
    let first_refusal = results.iter().find_map(|result| result.clone().err());
    let whole = match first_refusal {
        Some(reason) if is_atomic => Err(reason),
        // Nothing is done for what is so already.
        _ if changed.is_empty() => Ok(()),
        _ => Config::from_settings(&request.settings)
            .map_err(Error::from)
            .and_then(|config| apply(&config))
            .map_err(|error| {
                log::warn!("parameter change refused: {error}");
                match parameters {
                    [_] => error.to_string(),
                    _ => format!("nothing of this request was changed: {error}"),
                }
            }),
    };
    if let Err(reason) = whole {
        for result in results.iter_mut().filter(|result| result.is_ok()) {
            *result = Err(reason.clone());
        }
        return Outcome {
            results,
            changed: Vec::new(),
        };
    }
    for name in &changed {
        if let Some(value) = request.settings.get(name) {
            log::info!("parameter {name} is now {value}");
        }
    }
    *settings = request.settings;
    Outcome { results, changed }
}

/// A refusal that says how to send a text that looks like something else, if that is what was wrong.
fn with_cure(error: &ParameterError, parameter: &msg::Parameter, node_name: &str) -> String {
    let name = &parameter.name;
    let is_text =
        table::find(name).is_some_and(|found| matches!(found.kind, ParameterKind::String { .. }));
    let text = match (error, from_message(name, &parameter.value)) {
        (ParameterError::Type { .. }, Ok(Value::Integer(value))) if is_text => value.to_string(),
        // It may have been written in another way.
        (ParameterError::Type { .. }, Ok(Value::Bool(_) | Value::Double(_))) if is_text => {
            "TEXT".to_owned()
        }
        _ => return error.to_string(),
    };
    format!("{error}; a text in quotes: ros2 param set {node_name} {name} \"'{text}'\"")
}

fn result(result: Result<(), String>) -> msg::SetParametersResult {
    msg::SetParametersResult {
        successful: result.is_ok(),
        reason: result.err().unwrap_or_default(),
    }
}

/// Those under `prefixes`, at most `depth` names deep. No prefixes: all. Depth 0: any.
fn list(prefixes: &[String], depth: u64) -> msg::ListParametersResult {
    let shallow = |rest: &str| depth == 0 || (rest.matches('.').count() as u64) < depth;
    let names: Vec<String> = PARAMETERS
        .iter()
        .map(|parameter| parameter.name)
        .filter(|name| {
            (prefixes.is_empty() && shallow(name))
                || prefixes.iter().any(|prefix| {
                    name.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                        rest.is_empty() || rest.strip_prefix('.').is_some_and(shallow)
                    })
                })
        })
        .map(str::to_owned)
        .collect();
    let mut prefixes: Vec<String> = names
        .iter()
        .filter_map(|name| name.rsplit_once('.'))
        .map(|(prefix, _)| prefix.to_owned())
        .collect();
    prefixes.dedup();
    msg::ListParametersResult { names, prefixes }
}

fn describe(name: &str) -> msg::ParameterDescriptor {
    let Some(parameter) = table::find(name) else {
        return msg::ParameterDescriptor {
            name: name.to_owned(),
            ..Default::default()
        };
    };
    let Parameter {
        description,
        read_only,
        ..
    } = *parameter;
    let mut descriptor = msg::ParameterDescriptor {
        name: name.to_owned(),
        type_: message_of(Some(&parameter.default())).type_,
        description: description.to_owned(),
        read_only,
        ..Default::default()
    };
    match parameter.kind {
        ParameterKind::Bool { .. } => {}
        ParameterKind::Integer { min, max, .. } => {
            descriptor.integer_range.push(msg::IntegerRange {
                from_value: min,
                to_value: max,
                step: 0,
            });
        }
        ParameterKind::Double { min, max, .. } => {
            descriptor
                .floating_point_range
                .push(msg::FloatingPointRange {
                    from_value: min,
                    to_value: max,
                    step: 0.0,
                });
        }
        ParameterKind::String { rule, .. } => descriptor.additional_constraints = rule.to_string(),
    }
    descriptor
}

/// `rcl_interfaces/ParameterType`. The generated constants are of a type each.
mod wire_type {
    use r2r::rcl_interfaces::msg::ParameterType as Type;

    pub(super) const BOOL: u8 = Type::PARAMETER_BOOL as u8;
    pub(super) const INTEGER: u8 = Type::PARAMETER_INTEGER as u8;
    pub(super) const DOUBLE: u8 = Type::PARAMETER_DOUBLE as u8;
    pub(super) const STRING: u8 = Type::PARAMETER_STRING as u8;
}

/// The value in a message. An error for the types that no parameter here has.
fn from_message(name: &str, message: &msg::ParameterValue) -> Result<Value, ParameterError> {
    match message.type_ {
        wire_type::BOOL => Ok(Value::Bool(message.bool_value)),
        wire_type::INTEGER => Ok(Value::Integer(message.integer_value)),
        wire_type::DOUBLE => Ok(Value::Double(message.double_value)),
        wire_type::STRING => Ok(Value::String(message.string_value.clone())),
        _ => Err(match table::find(name) {
            Some(parameter) => parameter.wrong_type("an array or nothing".to_owned()),
            None => ParameterError::Unknown {
                name: name.to_owned(),
            },
        }),
    }
}

fn message_of(value: Option<&Value>) -> msg::ParameterValue {
    let mut message = msg::ParameterValue::default();
    match value {
        None => {}
        Some(Value::Bool(value)) => {
            message.type_ = wire_type::BOOL;
            message.bool_value = *value;
        }
        Some(Value::Integer(value)) => {
            message.type_ = wire_type::INTEGER;
            message.integer_value = *value;
        }
        Some(Value::Double(value)) => {
            message.type_ = wire_type::DOUBLE;
            message.double_value = *value;
        }
        Some(Value::String(value)) => {
            message.type_ = wire_type::STRING;
            message.string_value.clone_from(value);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, value: &Value) -> msg::Parameter {
        msg::Parameter {
            name: name.to_owned(),
            value: message_of(Some(value)),
        }
    }

    /// Results of a request in a bridge that can do whatever fits together.
    fn set(settings: &mut Settings, parameters: &[msg::Parameter], is_atomic: bool) -> Outcome {
        change(settings, parameters, is_atomic, "/bridge", &mut |_| Ok(()))
    }

    fn refusal(settings: &mut Settings, parameter: msg::Parameter) -> String {
        let outcome = set(settings, &[parameter], false);
        let [Err(reason)] = &*outcome.results else {
            panic!("{:?}", outcome.results)
        };
        reason.clone()
    }

    #[test]
    fn a_change_names_what_changed() {
        let mut settings = Settings::default();
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(5051)),
        ];
        let outcome = set(&mut settings, &change, false);
        assert_eq!(outcome.results, [Ok(()), Ok(())]);
        assert_eq!(outcome.changed, ["frame_id"]);
    }

    #[test]
    fn one_that_is_wrong_keeps_the_others_back_only_if_they_are_set_atomically() {
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(0)),
        ];
        let mut settings = Settings::default();
        let outcome = set(&mut settings, &change, true);
        assert!(outcome.results.iter().all(Result::is_err));
        assert_eq!(settings, Settings::default());

        let outcome = set(&mut settings, &change, false);
        assert_eq!(outcome.results[0], Ok(()));
        assert!(outcome.results[1].is_err());
        assert_eq!(outcome.changed, ["frame_id"]);
    }

    #[test]
    fn what_does_not_fit_as_a_whole_is_refused_as_a_whole() {
        let mut settings = Settings::default();
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("queue_max_bytes", &Value::Integer(2 << 20)),
        ];
        let outcome = set(&mut settings, &change, false);
        for result in &outcome.results {
            let reason = result.as_ref().expect_err("refused");
            assert!(
                reason.contains("nothing of this request") && reason.contains("max_message_bytes")
            );
        }
        assert_eq!(settings, Settings::default());

        let smaller = [
            parameter("queue_max_bytes", &Value::Integer(2 << 20)),
            parameter("max_message_bytes", &Value::Integer(1 << 20)),
        ];
        assert_eq!(set(&mut settings, &smaller, false).changed.len(), 2);
    }

    #[test]
    fn what_is_so_already_is_not_done_again() {
        let same = [
            parameter("qos.depth", &Value::Integer(5)),
            parameter("frame_id", &Value::String("sensr".into())),
        ];
        let outcome = change(
            &mut Settings::default(),
            &same,
            false,
            "/bridge",
            &mut |_| panic!("applied"),
        );
        assert_eq!(outcome.results, [Ok(()), Ok(())]);
        assert_eq!(outcome.changed, [] as [&str; 0]);
    }

    #[test]
    fn refusals_say_why_and_what_to_do() {
        let mut settings = Settings::default();
        let reason = refusal(&mut settings, parameter("qos.depth", &Value::Integer(7)));
        assert!(reason.contains("only read at start"), "{reason}");
        let reason = refusal(&mut settings, parameter("host", &Value::Integer(101)));
        assert_eq!(
            reason,
            "parameter host is a string, got 101, an integer; a text in quotes: ros2 param set /bridge host \"'101'\""
        );
        let array = msg::Parameter {
            name: "host".to_owned(),
            value: msg::ParameterValue {
                type_: 9,
                ..Default::default()
            },
        };
        let reason = refusal(&mut settings, array);
        assert!(reason.contains("host is a string"), "{reason}");
    }

    #[test]
    fn listing_by_prefix_and_depth() {
        use crate::topic::Switch;
        assert_eq!(list(&[], 0).names.len(), PARAMETERS.len());
        assert_eq!(
            list(&[], 0).prefixes,
            ["tls", "publish", "qos", "reconnect"]
        );
        assert!(list(&[], 1).names.iter().all(|name| !name.contains('.')));
        let publish = list(&["publish".to_owned()], 0).names;
        assert_eq!(publish, Switch::ALL.map(Switch::parameter));
        assert!(list(&["publ".to_owned()], 0).names.is_empty());
    }

    #[test]
    fn descriptions_have_type_range_and_permission() {
        let depth = describe("qos.depth");
        assert!(depth.read_only && depth.type_ == 2);
        assert_eq!(depth.integer_range[0].to_value, 1000);
        let interval = describe("pointcloud_interval");
        assert_eq!(
            interval.floating_point_range[0].to_value.to_bits(),
            3600.0f64.to_bits()
        );
        assert!(!interval.read_only && interval.type_ == 3);
        let reliability = describe("qos.reliability");
        assert!(reliability.additional_constraints.contains("best_effort"));
        assert_eq!(describe("nothing").type_, 0);
    }
}
