//! What is started: every function, the least function there can be, and the same job in Node.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::calls::Waits;
use crate::directory::Event;
use crate::process::{Function, Program};
use crate::series::{Series, Start};
use crate::world::World;
use crate::{Result, roots, stubs::Stubs};

/// Where the things to measure are.
pub(crate) struct Places {
    /// Release binaries, by name.
    pub(crate) binaries: PathBuf,
    /// Zips, by name.
    pub(crate) zips: PathBuf,
    /// The bundled Node peer.
    pub(crate) node: PathBuf,
    /// Copies of the binaries, and logs.
    pub(crate) work: PathBuf,
}

/// One thing that is measured.
pub(crate) struct Variant<'a> {
    pub(crate) name: &'static str,
    pub(crate) zip: u64,
    pub(crate) figures: Series,
    program: Program,
    event: &'a Event,
    expected: fn(&Value) -> bool,
    warm: usize,
}

/// Names of the variants that budgets speak of.
pub(crate) const HELLO: &str = "hello world, Rust";
pub(crate) const LOGIN: &str = "login";
pub(crate) const CALLBACK: &str = "callback";
pub(crate) const SESSION: &str = "session";
pub(crate) const STRICT: &str = "authorizer, strict";
pub(crate) const SIGNATURE: &str = "authorizer, signature";
pub(crate) const SCIM: &str = "directory, a webhook";
pub(crate) const OUTBOX: &str = "outbox, a change";
pub(crate) const RECONCILE: &str = "reconcile, no news";
pub(crate) const NODE: &str = "callback in Node, official SDKs";

impl<'a> Variant<'a> {
    pub(crate) fn all(places: &Places, world: &'a World, warm: usize) -> Result<Vec<Self>> {
        std::fs::create_dir_all(places.work.join("bin"))?;
        std::fs::create_dir_all(places.work.join("log"))?;
        let redirects = |answer: &Value| answer.get("statusCode") == Some(&303.into());
        let answers = |answer: &Value| answer.get("statusCode") == Some(&200.into());
        let applies = |answer: &Value| {
            let body = answer.get("body").and_then(Value::as_str).unwrap_or_default();
            body.contains(r#""outcome":"applied""#)
        };
        let takes_all = |answer: &Value| answer.get("batchItemFailures") == Some(&Value::Array(Vec::new()));
        let reads = |answer: &Value| answer.pointer("/events/stop") == Some(&"done".into());
        let allows = |answer: &Value| answer.get("isAuthorized") == Some(&true.into());
        let function = |name, binary, mode, event, expected: fn(&Value) -> bool, warm| {
            let copy = places.work.join("bin").join(binary);
            roots::trusting_copy(&places.binaries.join(binary), &copy)?;
            Self::new(places, name, binary, vec![copy], world.env(binary, mode), event, expected, warm)
        };
        // Nothing waits for the network in these two, so many of them are cheap, and their processor time is small.
        let many = warm * 10;
        let mut node_env = world.env("node", "");
        node_env.push(("NODE_EXTRA_CA_CERTS".into(), root_for_node(places)?));
        Ok(vec![
            Self::new(
                places,
                HELLO,
                "hello",
                vec![places.binaries.join("hello")],
                world.env("hello", ""),
                &world.login,
                answers,
                many,
            )?,
            function(LOGIN, "login", "", &world.login, redirects, warm)?,
            function(CALLBACK, "callback", "", &world.callback, redirects, warm)?,
            function(SESSION, "session", "", &world.session, answers, warm)?,
            function(STRICT, "authorizer", "strict", &world.authorizer, allows, warm)?,
            function(SCIM, "scim", "", &world.webhook, applies, warm)?,
            function(OUTBOX, "outbox", "", &world.stream, takes_all, warm)?,
            function(RECONCILE, "reconcile", "", &world.schedule, reads, warm)?,
            function(SIGNATURE, "authorizer", "signature", &world.authorizer, allows, many)?,
            Self::new(
                places,
                NODE,
                "node",
                vec!["/usr/bin/env".into(), "node".into(), places.node.clone()],
                node_env,
                &world.callback,
                redirects,
                warm,
            )?,
        ])
    }

    #[expect(clippy::too_many_arguments, reason = "one private constructor, called in a table")]
    fn new(
        places: &Places,
        name: &'static str,
        file: &str,
        command: Vec<PathBuf>,
        env: Vec<(String, String)>,
        event: &'a Event,
        expected: fn(&Value) -> bool,
        warm: usize,
    ) -> Result<Self> {
        let zip = places.zips.join(format!("{file}.zip"));
        let log = places.work.join("log").join(format!("{}.log", name.replace([' ', ','], "-")));
        Ok(Self {
            name,
            zip: std::fs::metadata(&zip).map_err(|why| format!("{}: {why}", zip.display()))?.len(),
            figures: Series::default(),
            program: Program { command, env, log },
            event,
            expected,
            warm,
        })
    }

    /// One start, its first invocation and the warm ones.
    pub(crate) async fn run(&mut self, stubs: &Stubs) -> Result<()> {
        let fail = |why| format!("{}: {why}", self.name);
        stubs.take_calls();
        let mut function = Function::start(&self.program).await.map_err(fail)?;
        let (calls, init_handshakes) = stubs.take_calls();
        let init = (function.init, Waits::of(calls));
        let first = self.invoke(&mut function, stubs).await?;
        let mut warm = Vec::with_capacity(self.warm);
        for _ in 0..self.warm {
            let (spent, waits, _) = self.invoke(&mut function, stubs).await?;
            warm.push((spent, waits));
        }
        let start = Start {
            init,
            first: (first.0, first.1),
            warm,
            peak_kib: function.peak_memory()?,
            handshakes: (init_handshakes, first.2),
        };
        function.stop()?;
        self.figures.add(&start);
        Ok(())
    }

    async fn invoke(
        &self,
        function: &mut Function,
        stubs: &Stubs,
    ) -> Result<(crate::process::Spent, Waits, usize)> {
        let (answer, spent) =
            function.invoke(&self.event.now()).await.map_err(|why| format!("{}: {why}", self.name))?;
        if !(self.expected)(&answer) {
            return Err(format!("{} answers {answer}", self.name).into());
        }
        let (calls, handshakes) = stubs.take_calls();
        Ok((spent, Waits::of(calls), handshakes))
    }
}

/// The root as PEM, in a file of its own beside the copies.
fn root_for_node(places: &Places) -> Result<String> {
    let file = places.work.join("root.cert.pem");
    std::fs::write(&file, include_str!("../fixtures/root.cert.pem"))?;
    Ok(utf8(&file)?.to_owned())
}

fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| format!("{} is not UTF-8", path.display()).into())
}
