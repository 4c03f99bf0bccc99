//! The node's parameter services, and `/parameter_events`.
//!
//! Not r2r's own handler: that one knows no ranges and no read-only parameters, and announces no changes.

use r2r::rcl_interfaces::{msg, srv};
use r2r::{Node, ParameterValue, Publisher, QosProfile};

use super::Error;
use super::convert::time;
use super::inbox::Inbox;
use crate::config::params_file::ParamsFile;
use crate::config::table::{self, Kind, PARAMETERS, Parameter};
use crate::config::{Config, ParameterError, Settings, Value};
use crate::stamp::Stamp;

/// Parameters every node is handed by ROS tools, that mean nothing here.
const FOREIGN: [&str; 2] = ["use_sim_time", "start_type_description_service"];

/// Answers the parameter services. To be [served](Self::serve) by the thread that spins the node.
pub(super) struct ParameterServer {
    node_name: String,
    settings: Settings,
    requests: Requests,
    events: Publisher<msg::ParameterEvent>,
}

struct Requests {
    set: Inbox<srv::SetParameters::Service>,
    set_atomically: Inbox<srv::SetParametersAtomically::Service>,
    get: Inbox<srv::GetParameters::Service>,
    types: Inbox<srv::GetParameterTypes::Service>,
    list: Inbox<srv::ListParameters::Service>,
    describe: Inbox<srv::DescribeParameters::Service>,
}

/// Reads the parameters given at start. Names that nothing declares are warned of: a typing error must
/// not go unnoticed for months.
pub(super) fn settings_at_start(node: &Node) -> Result<Settings, ParameterError> {
    let mut settings = Settings::default();
    let given = node
        .params
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    for (name, parameter) in given.iter() {
        if FOREIGN.contains(&name.as_str()) {
            if parameter.value == ParameterValue::Bool(true) {
                log::warn!("parameter {name} has no effect on this node");
            }
            continue;
        }
        match value_of(name, &parameter.value).and_then(|value| settings.set(name, value)) {
            Err(unknown @ ParameterError::Unknown { .. }) => log::warn!("ignored: {unknown}"),
            result => result?,
        }
    }
    Ok(settings)
}

/// Refuses files that rcl took though there is something wrong with them, and warns of those that are for others.
pub(super) fn check_files<'f>(
    node: &Node,
    files: impl Iterator<Item = &'f str>,
) -> Result<(), Error> {
    let name = node
        .fully_qualified_name()
        .map_err(Error::ros("read the node's name"))?;
    for path in files {
        let wrong = |reason: String| Error::Arguments(format!("--params-file {path}: {reason}"));
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let file = ParamsFile::parse(&text).map_err(wrong)?;
        if !file.is_for(&name) {
            let nodes = file.nodes();
            log::warn!("nothing in {path} is for {name}, it is for {nodes}");
        }
    }
    Ok(())
}

impl ParameterServer {
    pub(super) fn new(node: &mut Node, settings: Settings) -> Result<Self, Error> {
        let node_name = node
            .fully_qualified_name()
            .map_err(Error::ros("name the node"))?;
        let events = node
            .create_publisher("/parameter_events", QosProfile::parameter_events())
            .map_err(Error::ros("publish /parameter_events"))?;
        let qos = QosProfile::parameters;
        let requests = Requests {
            set: Inbox::open(node, "set_parameters", qos())?,
            set_atomically: Inbox::open(node, "set_parameters_atomically", qos())?,
            get: Inbox::open(node, "get_parameters", qos())?,
            types: Inbox::open(node, "get_parameter_types", qos())?,
            list: Inbox::open(node, "list_parameters", qos())?,
            describe: Inbox::open(node, "describe_parameters", qos())?,
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
            settings, requests, ..
        } = self;
        let mut changed: Vec<&'static str> = Vec::new();
        let mut set = |parameters: &[msg::Parameter]| {
            let result = change(settings, parameters, &mut apply);
            match result {
                Ok(names) => {
                    changed.extend(names);
                    msg::SetParametersResult {
                        successful: true,
                        reason: String::new(),
                    }
                }
                Err(error) => {
                    log::warn!("parameter change refused: {error}");
                    msg::SetParametersResult {
                        successful: false,
                        reason: error.to_string(),
                    }
                }
            }
        };
        let mut served = requests.set.answer(|request| srv::SetParameters::Response {
            results: request
                .parameters
                .iter()
                .map(|parameter| set(std::slice::from_ref(parameter)))
                .collect(),
        });
        served +=
            requests
                .set_atomically
                .answer(|request| srv::SetParametersAtomically::Response {
                    result: set(&request.parameters),
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

/// Changes all of `parameters` or none. Returns the names of those that now have another value.
fn change(
    settings: &mut Settings,
    parameters: &[msg::Parameter],
    apply: &mut impl FnMut(&Config) -> Result<(), Error>,
) -> Result<Vec<&'static str>, Error> {
    let mut candidate = settings.clone();
    for msg::Parameter { name, value } in parameters {
        if let Some(parameter) = table::find(name).filter(|parameter| parameter.read_only) {
            return Err(ParameterError::ReadOnly {
                name: parameter.name,
            }
            .into());
        }
        let value = from_message(value).ok_or_else(|| no_such_type(name, "an array or nothing"))?;
        candidate.set(name, value)?;
    }
    apply(&Config::from_settings(&candidate)?)?;
    let changed: Vec<_> = PARAMETERS
        .iter()
        .map(|parameter| parameter.name)
        .filter(|name| candidate.get(name) != settings.get(name))
        .collect();
    for name in &changed {
        if let Some(value) = candidate.get(name) {
            log::info!("parameter {name} is now {value}");
        }
    }
    *settings = candidate;
    Ok(changed)
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
        Kind::Bool { .. } => {}
        Kind::Integer { min, max, .. } => descriptor.integer_range.push(msg::IntegerRange {
            from_value: min,
            to_value: max,
            step: 0,
        }),
        Kind::Double { min, max, .. } => {
            descriptor
                .floating_point_range
                .push(msg::FloatingPointRange {
                    from_value: min,
                    to_value: max,
                    step: 0.0,
                });
        }
        Kind::String { rule, .. } => descriptor.additional_constraints = rule.to_string(),
    }
    descriptor
}

/// The value of a parameter given at start.
fn value_of(name: &str, value: &ParameterValue) -> Result<Value, ParameterError> {
    match value {
        ParameterValue::Bool(value) => Ok(Value::Bool(*value)),
        ParameterValue::Integer(value) => Ok(Value::Integer(*value)),
        ParameterValue::Double(value) => Ok(Value::Double(*value)),
        ParameterValue::String(value) => Ok(Value::String(value.clone())),
        other => Err(no_such_type(name, other.type_name())),
    }
}

/// The refusal of a value of a type that no parameter here has.
fn no_such_type(name: &str, found: &str) -> ParameterError {
    match table::find(name) {
        Some(parameter) => parameter.wrong_type(found.to_owned()),
        None => ParameterError::Unknown {
            name: name.to_owned(),
        },
    }
}

/// `rcl_interfaces/ParameterType`. The generated constants are of a type each.
mod wire_type {
    use r2r::rcl_interfaces::msg::ParameterType as Type;

    pub(super) const BOOL: u8 = Type::PARAMETER_BOOL as u8;
    pub(super) const INTEGER: u8 = Type::PARAMETER_INTEGER as u8;
    pub(super) const DOUBLE: u8 = Type::PARAMETER_DOUBLE as u8;
    pub(super) const STRING: u8 = Type::PARAMETER_STRING as u8;
}

/// The value in a message. None for the types that no parameter here has.
fn from_message(message: &msg::ParameterValue) -> Option<Value> {
    match message.type_ {
        wire_type::BOOL => Some(Value::Bool(message.bool_value)),
        wire_type::INTEGER => Some(Value::Integer(message.integer_value)),
        wire_type::DOUBLE => Some(Value::Double(message.double_value)),
        wire_type::STRING => Some(Value::String(message.string_value.clone())),
        _ => None,
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

    fn set(
        settings: &mut Settings,
        parameters: &[msg::Parameter],
    ) -> Result<Vec<&'static str>, String> {
        change(settings, parameters, &mut |_| Ok(())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_names_what_changed() {
        let mut settings = Settings::default();
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(5051)),
        ];
        assert_eq!(set(&mut settings, &change), Ok(vec!["frame_id"]));
    }

    #[test]
    fn all_or_none() {
        let mut settings = Settings::default();
        let change = [
            parameter("frame_id", &Value::String("lidar".into())),
            parameter("points_port", &Value::Integer(0)),
        ];
        assert!(set(&mut settings, &change).is_err());
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn two_that_only_fit_together_can_be_set_together() {
        let mut settings = Settings::default();
        let smaller = [
            parameter("queue_max_bytes", &Value::Integer(2 << 20)),
            parameter("max_message_bytes", &Value::Integer(1 << 20)),
        ];
        assert!(set(&mut settings, &smaller[..1]).is_err());
        assert_eq!(
            set(&mut settings, &smaller).map(|changed| changed.len()),
            Ok(2)
        );
    }

    #[test]
    fn refusals_say_why() {
        let mut settings = Settings::default();
        let refusal = set(&mut settings, &[parameter("qos.depth", &Value::Integer(7))]);
        assert!(refusal.expect_err("refused").contains("only read at start"));
        let array = msg::Parameter {
            name: "host".to_owned(),
            value: msg::ParameterValue {
                type_: 9,
                ..Default::default()
            },
        };
        let refusal = set(&mut settings, &[array]).expect_err("refused");
        assert!(refusal.contains("host is a string"), "{refusal}");
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
