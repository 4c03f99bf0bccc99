//! Parameter services of the node, and `/parameter_events`.
//!
//! r2r's own handler is not used: it knows no ranges and no read-only parameters, and publishes no events.

use r2r::rcl_interfaces::{msg, srv};
use r2r::{Node, Publisher, QosProfile};

use super::ros_types::to_time;
use super::service_queue::ServiceQueue;
use super::{Error, RuntimeError};
use crate::config::set_request::SetRequest;
use crate::config::table::{Parameter, ParameterKind, ParameterTable};
use crate::config::{ParameterError, Settings, Value};
use crate::time::stamp::Stamp;

/// Server of the parameter services. The thread that spins the node has to call [`serve`](Self::serve).
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
            set: ServiceQueue::create(node, "set_parameters", qos())?,
            set_atomically: ServiceQueue::create(node, "set_parameters_atomically", qos())?,
            get: ServiceQueue::create(node, "get_parameters", qos())?,
            types: ServiceQueue::create(node, "get_parameter_types", qos())?,
            list: ServiceQueue::create(node, "list_parameters", qos())?,
            describe: ServiceQueue::create(node, "describe_parameters", qos())?,
        };
        let server = Self {
            node_name,
            settings,
            requests,
            events,
        };
        let all: Vec<&str> = server.settings.table().names().collect();
        server.publish_event(|event| &mut event.new_parameters, &all);
        Ok(server)
    }

    /// Answers all waiting requests. Returns their number. `apply` checks the settings as a whole and applies them; if it
    /// fails, the request is refused with its error.
    pub(super) fn serve(&mut self, mut apply: impl FnMut(&Settings) -> Result<(), Error>) -> usize {
        let Self {
            settings,
            requests,
            node_name,
            ..
        } = self;
        let table = settings.table();
        let mut changed: Vec<&'static str> = Vec::new();
        let mut set = |parameters: &[msg::Parameter], is_atomic| {
            let outcome = apply_request(settings, parameters, is_atomic, node_name, &mut apply);
            for name in outcome.changed {
                if !changed.contains(&name) {
                    changed.push(name);
                }
            }
            outcome.results
        };
        let mut served = requests
            .set
            .answer_all(|request| srv::SetParameters::Response {
                results: set(&request.parameters, false)
                    .into_iter()
                    .map(to_result)
                    .collect(),
            });
        served +=
            requests
                .set_atomically
                .answer_all(|request| srv::SetParametersAtomically::Response {
                    result: to_result(set(&request.parameters, true).into_iter().collect()),
                });
        served += requests
            .get
            .answer_all(|request| srv::GetParameters::Response {
                values: request
                    .names
                    .iter()
                    .map(|name| to_message(settings.get(name)))
                    .collect(),
            });
        served += requests
            .types
            .answer_all(|request| srv::GetParameterTypes::Response {
                types: request
                    .names
                    .iter()
                    .map(|name| to_message(settings.get(name)).type_)
                    .collect(),
            });
        served += requests
            .list
            .answer_all(|request| srv::ListParameters::Response {
                result: list_parameters(table, &request.prefixes, request.depth),
            });
        served += requests
            .describe
            .answer_all(|request| srv::DescribeParameters::Response {
                descriptors: request
                    .names
                    .iter()
                    .map(|name| describe_parameter(table, name))
                    .collect(),
            });
        if !changed.is_empty() {
            self.publish_event(|event| &mut event.changed_parameters, &changed);
        }
        served
    }

    fn publish_event(
        &self,
        part: impl FnOnce(&mut msg::ParameterEvent) -> &mut Vec<msg::Parameter>,
        names: &[&str],
    ) {
        let mut event = msg::ParameterEvent {
            stamp: to_time(Stamp::now()),
            node: self.node_name.clone(),
            ..Default::default()
        };
        *part(&mut event) = names
            .iter()
            .map(|name| msg::Parameter {
                name: (*name).to_owned(),
                value: to_message(self.settings.get(name)),
            })
            .collect();
        if let Err(error) = self.events.publish(&event) {
            log::warn!("/parameter_events: the middleware refused the message: {error}");
        }
    }
}

/// Outcome of a request.
struct ChangeOutcome {
    /// Result per parameter of the request, with the reason of a refusal.
    results: Vec<Result<(), String>>,
    /// Parameters with a new value.
    changed: Vec<&'static str>,
}

/// Applies the valid ones of `parameters` if they fit together, else none. If `is_atomic`, one invalid parameter refuses
/// all.
fn apply_request(
    settings: &mut Settings,
    parameters: &[msg::Parameter],
    is_atomic: bool,
    node_name: &str,
    apply: &mut impl FnMut(&Settings) -> Result<(), Error>,
) -> ChangeOutcome {
    let table = settings.table();
    let requested = parameters
        .iter()
        .map(|msg::Parameter { name, value }| (&**name, value_of(table, name, value)));
    let request = SetRequest::check(settings, requested);
    let mut results: Vec<Result<(), String>> = parameters
        .iter()
        .zip(&request.refusals)
        .map(|(parameter, refusal)| match refusal {
            None => Ok(()),
            Some(error) => Err(with_cure(error, table, parameter, node_name)),
        })
        .collect();
    for reason in results.iter().filter_map(|result| result.as_ref().err()) {
        log::warn!("parameter change refused: {reason}");
    }
    let changed = request.changed(settings);
    let first_refusal = results.iter().find_map(|result| result.clone().err());
    let whole = match first_refusal {
        Some(reason) if is_atomic => Err(reason),
        // Parameters that keep their value need no action.
        _ if changed.is_empty() => Ok(()),
        _ => apply(&request.settings).map_err(|error| {
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
        return ChangeOutcome {
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
    ChangeOutcome { results, changed }
}

/// Returns the text of a refusal, with the cure where a text was sent as another type.
fn with_cure(
    error: &ParameterError,
    table: &ParameterTable,
    parameter: &msg::Parameter,
    node_name: &str,
) -> String {
    let name = &parameter.name;
    let is_text = table
        .find(name)
        .is_some_and(|found| matches!(found.kind, ParameterKind::String { .. }));
    let text = match (error, value_of(table, name, &parameter.value)) {
        (ParameterError::Type { .. }, Ok(Value::Integer(value))) if is_text => value.to_string(),
        // The spelling that was sent is not known.
        (ParameterError::Type { .. }, Ok(Value::Bool(_) | Value::Double(_))) if is_text => {
            "TEXT".to_owned()
        }
        _ => return error.to_string(),
    };
    format!("{error}; a text in quotes: ros2 param set {node_name} {name} \"'{text}'\"")
}

fn to_result(result: Result<(), String>) -> msg::SetParametersResult {
    msg::SetParametersResult {
        successful: result.is_ok(),
        reason: result.err().unwrap_or_default(),
    }
}

/// Returns the parameters under `prefixes`, at most `depth` names deep. No prefixes mean all, depth 0 means any.
fn list_parameters(
    table: &ParameterTable,
    prefixes: &[String],
    depth: u64,
) -> msg::ListParametersResult {
    let shallow = |rest: &str| depth == 0 || (rest.matches('.').count() as u64) < depth;
    let names: Vec<String> = table
        .names()
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

fn describe_parameter(table: &ParameterTable, name: &str) -> msg::ParameterDescriptor {
    let Some(parameter) = table.find(name) else {
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
        type_: to_message(Some(&parameter.default())).type_,
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

/// Constants of `rcl_interfaces/ParameterType`, in the type of the field. The generated ones differ in type.
mod wire_type {
    use r2r::rcl_interfaces::msg::ParameterType as Type;

    pub(super) const BOOL: u8 = Type::PARAMETER_BOOL as u8;
    pub(super) const INTEGER: u8 = Type::PARAMETER_INTEGER as u8;
    pub(super) const DOUBLE: u8 = Type::PARAMETER_DOUBLE as u8;
    pub(super) const STRING: u8 = Type::PARAMETER_STRING as u8;
}

/// Returns the value in a message. Fails for types that no parameter of this node has.
fn value_of(
    table: &ParameterTable,
    name: &str,
    message: &msg::ParameterValue,
) -> Result<Value, ParameterError> {
    match message.type_ {
        wire_type::BOOL => Ok(Value::Bool(message.bool_value)),
        wire_type::INTEGER => Ok(Value::Integer(message.integer_value)),
        wire_type::DOUBLE => Ok(Value::Double(message.double_value)),
        wire_type::STRING => Ok(Value::String(message.string_value.clone())),
        _ => Err(table
            .require(name)?
            .wrong_type("an array or nothing".to_owned())),
    }
}

fn to_message(value: Option<&Value>) -> msg::ParameterValue {
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
    use crate::config::Config;
    use crate::config::table::{BRIDGE, RECORDER};

    fn parameter(name: &str, value: &Value) -> msg::Parameter {
        msg::Parameter {
            name: name.to_owned(),
            value: to_message(Some(value)),
        }
    }

    /// Results of a request in a bridge that can do whatever fits together.
    fn set(
        settings: &mut Settings,
        parameters: &[msg::Parameter],
        is_atomic: bool,
    ) -> ChangeOutcome {
        apply_request(
            settings,
            parameters,
            is_atomic,
            "/bridge",
            &mut |settings| {
                Config::from_settings(settings)?;
                Ok(())
            },
        )
    }

    fn refusal(settings: &mut Settings, parameter: msg::Parameter) -> String {
        let outcome = set(settings, &[parameter], false);
        let [Err(reason)] = &*outcome.results else {
            panic!("{:?}", outcome.results)
        };
        reason.clone()
    }

    #[test]
    fn a_request_returns_the_changed_parameters() {
        let mut settings = Settings::of(&BRIDGE);
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(5051)),
        ];
        let outcome = set(&mut settings, &change, false);
        assert_eq!(outcome.results, [Ok(()), Ok(())]);
        assert_eq!(outcome.changed, ["frame_id"]);
    }

    #[test]
    fn an_invalid_parameter_refuses_the_others_only_in_an_atomic_request() {
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(0)),
        ];
        let mut settings = Settings::of(&BRIDGE);
        let outcome = set(&mut settings, &change, true);
        assert!(outcome.results.iter().all(Result::is_err));
        assert_eq!(settings, Settings::of(&BRIDGE));

        let outcome = set(&mut settings, &change, false);
        assert_eq!(outcome.results[0], Ok(()));
        assert!(outcome.results[1].is_err());
        assert_eq!(outcome.changed, ["frame_id"]);
    }

    #[test]
    fn conflicting_parameters_are_all_refused() {
        let mut settings = Settings::of(&BRIDGE);
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
        assert_eq!(settings, Settings::of(&BRIDGE));

        let smaller = [
            parameter("queue_max_bytes", &Value::Integer(2 << 20)),
            parameter("max_message_bytes", &Value::Integer(1 << 20)),
        ];
        assert_eq!(set(&mut settings, &smaller, false).changed.len(), 2);
    }

    #[test]
    fn an_unchanged_value_is_not_applied_again() {
        let same = [
            parameter("qos.depth", &Value::Integer(5)),
            parameter("frame_id", &Value::String("sensr".into())),
        ];
        let outcome = apply_request(
            &mut Settings::of(&BRIDGE),
            &same,
            false,
            "/bridge",
            &mut |_| panic!("applied"),
        );
        assert_eq!(outcome.results, [Ok(()), Ok(())]);
        assert_eq!(outcome.changed, [] as [&str; 0]);
    }

    #[test]
    fn refusals_name_reason_and_cure() {
        let mut settings = Settings::of(&BRIDGE);
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
    fn parameters_are_listed_by_prefix_and_depth() {
        use crate::topic::Switch;
        assert_eq!(
            list_parameters(&BRIDGE, &[], 0).names.len(),
            BRIDGE.parameters.len()
        );
        assert_eq!(
            list_parameters(&BRIDGE, &[], 0).prefixes,
            [
                "tls",
                "preview",
                "publish",
                "transform",
                "origin",
                "qos",
                "reconnect"
            ]
        );
        assert!(
            list_parameters(&BRIDGE, &[], 1)
                .names
                .iter()
                .all(|name| !name.contains('.'))
        );
        let publish = list_parameters(&BRIDGE, &["publish".to_owned()], 0).names;
        assert_eq!(publish, Switch::ALL.map(Switch::parameter));
        assert!(
            list_parameters(&BRIDGE, &["publ".to_owned()], 0)
                .names
                .is_empty()
        );
    }

    #[test]
    fn descriptions_include_type_range_and_read_only() {
        let depth = describe_parameter(&BRIDGE, "qos.depth");
        assert!(depth.read_only && depth.type_ == 2);
        assert_eq!(depth.integer_range[0].to_value, 1000);
        let interval = describe_parameter(&BRIDGE, "pointcloud_interval");
        assert_eq!(
            interval.floating_point_range[0].to_value.to_bits(),
            3600.0f64.to_bits()
        );
        assert!(!interval.read_only && interval.type_ == 3);
        let reliability = describe_parameter(&BRIDGE, "qos.reliability");
        assert!(reliability.additional_constraints.contains("best_effort"));
        assert_eq!(describe_parameter(&BRIDGE, "nothing").type_, 0);
        assert_eq!(describe_parameter(&BRIDGE, "keep_splits").type_, 0);
        assert_eq!(describe_parameter(&RECORDER, "keep_splits").type_, 2);
    }
}
