//! Every rule of the options, by example.

mod command;
mod container;
mod fs;
mod js;
mod limit;
mod namespace;
mod properties;
mod root;

use js::js;

use super::{Value, read};
use crate::config::{Config, Container};

/// A request that is right, but for the container.
fn with(container: Value) -> Value {
    js!({ cmd: ["true"], env: {}, stdio: ["ignore", "ignore", "ignore"], container: container })
}

fn accepted(request: &Value) -> Config {
    read(request).unwrap_or_else(|problems| panic!("{request:?}\n{problems}"))
}

fn container(container: Value) -> Container {
    accepted(&with(container)).container.expect("one was asked for")
}

/// Each problem as its class and its sentence.
fn refused(request: &Value) -> Vec<String> {
    let problems = read(request).expect_err("it is wrong");
    problems.0.iter().map(|problem| format!("{:?}: {problem}", problem.class)).collect()
}

/// The same for a container; the path's common beginning is left out.
fn refused_container(container: Value) -> Vec<String> {
    refused(&with(container)).iter().map(|problem| problem.replacen("container.", "", 1)).collect()
}
