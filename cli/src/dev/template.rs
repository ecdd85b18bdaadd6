//! What the local stack takes from the deployment template: routes and tables. What works here is what is deployed.

use serde_yaml_ng::Value;
use store::schema::{IndexShape, TableShape};

/// The template itself, as it was when this program was built.
pub const TEMPLATE: &str = include_str!("../../../infra/template.yaml");

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    resources: Vec<(String, Value)>,
    globals: Option<Value>,
    outputs: Vec<String>,
}

/// One route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `GET /login`, `ANY /login` or `$default`.
    pub key: String,
    /// Name of the function's binary.
    pub function: String,
}

/// The template is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("the deployment template: {0}")]
pub struct TemplateError(String);

impl Template {
    /// # Errors
    /// When the text is not YAML with resources.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let whole: Value = serde_yaml_ng::from_str(text).map_err(|why| TemplateError(why.to_string()))?;
        let resources = whole.get("Resources").and_then(Value::as_mapping);
        let resources = resources.ok_or_else(|| TemplateError("it has no resources".into()))?;
        let named = |(name, value): (&Value, &Value)| Some((name.as_str()?.to_owned(), value.clone()));
        Ok(Self {
            resources: resources.iter().filter_map(named).collect(),
            globals: whole.get("Globals").and_then(|globals| globals.get("Function")).cloned(),
            outputs: whole.get("Outputs").map(names).unwrap_or_default(),
        })
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> Vec<String> {
        self.outputs.clone()
    }

    /// Names of all environment variables of the functions, sorted.
    pub fn settings(&self) -> Vec<String> {
        let of_functions =
            self.of_type("AWS::Serverless::Function").filter_map(|(_, body)| body.get("Properties"));
        let environments =
            of_functions.chain(&self.globals).filter_map(|properties| properties.get("Environment"));
        let mut all: Vec<String> =
            environments.filter_map(|environment| environment.get("Variables")).flat_map(names).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Logical id and body of each resource of one type.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let same = move |body: &Value| body.get("Type").and_then(Value::as_str) == Some(kind);
        self.resources.iter().filter(move |(_, body)| same(body)).map(|(name, body)| (name.as_str(), body))
    }

    fn resource(&self, name: &str) -> Option<&Value> {
        self.resources.iter().find(|(own, _)| own == name).map(|(_, body)| body)
    }

    /// The routes of the HTTP API with the functions behind them.
    ///
    /// # Errors
    /// When a route leads to no function.
    pub fn routes(&self) -> Result<Vec<Route>, TemplateError> {
        self.of_type("AWS::ApiGatewayV2::Route").map(|(name, body)| self.route(name, body)).collect()
    }

    fn route(&self, name: &str, body: &Value) -> Result<Route, TemplateError> {
        let lost = |what: &str| TemplateError(format!("route {name}: {what}"));
        let key = property(body, "RouteKey").and_then(Value::as_str).ok_or_else(|| lost("no key"))?;
        let target = property(body, "Target").map(text).unwrap_or_default();
        let integration =
            self.of_type("AWS::ApiGatewayV2::Integration").find(|(id, _)| mentions(&target, id));
        let (_, integration) = integration.ok_or_else(|| lost("no integration"))?;
        let uri = property(integration, "IntegrationUri").map(text).unwrap_or_default();
        let function = self.of_type("AWS::Serverless::Function").find(|(id, _)| mentions(&uri, id));
        let (_, function) = function.ok_or_else(|| lost("no function"))?;
        let binary =
            function.get("Metadata").and_then(|m| m.get("BuildProperties")).and_then(|p| p.get("Binary"));
        let binary = binary.and_then(Value::as_str).ok_or_else(|| lost("the function has no binary"))?;
        Ok(Route { key: key.to_owned(), function: binary.to_owned() })
    }

    /// Patterns of the records of the identity table's stream that wake the outbox.
    ///
    /// # Errors
    /// When there is no mapping, or a pattern is not JSON.
    pub fn stream_patterns(&self) -> Result<Vec<serde_json::Value>, TemplateError> {
        let lost = |what: String| TemplateError(format!("the outbox's stream: {what}"));
        let (_, mapping) = self
            .of_type("AWS::Lambda::EventSourceMapping")
            .next()
            .ok_or_else(|| lost("there is no mapping".into()))?;
        let filters = property(mapping, "FilterCriteria").and_then(|criteria| criteria.get("Filters"));
        let filters = filters.and_then(Value::as_sequence).ok_or_else(|| lost("it has no filters".into()))?;
        let patterns = filters.iter().map(|filter| {
            let text = filter.get("Pattern").and_then(Value::as_str).unwrap_or_default();
            serde_json::from_str(text).map_err(|why| lost(format!("a filter: {why}")))
        });
        patterns.collect()
    }

    /// The shape of a table, as far as the code depends on it.
    ///
    /// # Errors
    /// When there is no such table, or it has no partition key or TTL.
    pub fn table(&self, name: &str) -> Result<TableShape, TemplateError> {
        let lost = |what: &str| TemplateError(format!("table {name}: {what}"));
        let body = self.resource(name).ok_or_else(|| lost("is not there"))?;
        let keys =
            property(body, "KeySchema").and_then(Value::as_sequence).ok_or_else(|| lost("no key schema"))?;
        let key = |kind: &str| key_attribute(keys, kind);
        let inside = |outer: &str, inner: &str| {
            property(body, outer)
                .and_then(|value| value.get(inner))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(TableShape {
            partition: key("HASH").ok_or_else(|| lost("no partition key"))?,
            sort: key("RANGE"),
            ttl: inside("TimeToLiveSpecification", "AttributeName").ok_or_else(|| lost("no time to live"))?,
            stream: inside("StreamSpecification", "StreamViewType"),
            indexes: property(body, "GlobalSecondaryIndexes")
                .and_then(Value::as_sequence)
                .into_iter()
                .flatten()
                .map(|index| index_shape(index).ok_or_else(|| lost("an index that is not keys only")))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn key_attribute(schema: &[Value], kind: &str) -> Option<String> {
    let entry = schema.iter().find(|entry| entry.get("KeyType").and_then(Value::as_str) == Some(kind))?;
    entry.get("AttributeName").and_then(Value::as_str).map(str::to_owned)
}

fn index_shape(index: &Value) -> Option<IndexShape> {
    let keys = index.get("KeySchema").and_then(Value::as_sequence)?;
    let projection = index.get("Projection")?.get("ProjectionType").and_then(Value::as_str);
    Some(IndexShape {
        name: index
            .get("IndexName")
            .and_then(Value::as_str)
            .filter(|_| projection == Some("KEYS_ONLY"))?
            .to_owned(),
        partition: key_attribute(keys, "HASH")?,
        sort: key_attribute(keys, "RANGE")?,
    })
}

fn property<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
    resource.get("Properties")?.get(name)
}

/// The keys of a mapping.
fn names(mapping: &Value) -> Vec<String> {
    let keys = mapping.as_mapping().into_iter().flatten().map(|(key, _)| key);
    keys.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The text of a value behind whatever function (`!Sub`, `!Ref`, `!GetAtt`) makes it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Tagged(tagged) => text(&tagged.value),
        Value::Sequence(parts) => parts.iter().map(text).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// Whether a text names a logical id as a whole word.
fn mentions(text: &str, id: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R66: the template's tables are the code's, TTL attribute included.
    #[test]
    fn tables_of_template_and_code_are_the_same() {
        let template = Template::parse(TEMPLATE).unwrap();
        assert_eq!(template.table("IdentityTable").unwrap(), store::schema::identity());
        assert_eq!(template.table("EphemeralTable").unwrap(), store::schema::ephemeral());
    }

    /// The routes of the template and those of the functions are one set.
    #[test]
    fn routes_of_template_and_functions_are_the_same() {
        let routes = Template::parse(TEMPLATE).unwrap().routes().unwrap();
        let mut deployed: Vec<(String, String)> = routes.into_iter().map(|r| (r.key, r.function)).collect();
        let any = |paths: &[&str], function: &str| {
            paths.iter().map(|path| (format!("ANY {path}"), function.to_owned())).collect::<Vec<_>>()
        };
        let mut coded = any(&login::ROUTES, "login");
        coded.extend(any(&callback::ROUTES, "callback"));
        coded.extend(any(&session::ROUTES, "session"));
        coded.extend(any(&scim::ROUTES, "scim"));
        coded.push(("$default".to_owned(), "session".to_owned()));
        deployed.sort();
        coded.sort();
        assert_eq!(deployed, coded);
    }
}
