//! As much of a Kubernetes API server as `kubectl get nodes` needs; it takes only tokens that its checker
//! knows.

use super::ca::{Ca, Leaf};
use super::http::{Reply, Request, Server};
use serde_json::{Value, json};

pub struct ApiServer {
    server: Server,
}

pub const NODE: &str = "aks-nodepool1-00000000-vmss000000";

impl ApiServer {
    pub fn start(ca: &Ca, checker: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let server = Server::start(Some(ca.server(Leaf::Good)), move |request| {
            let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            if token.is_some_and(&checker) { answer(request) } else { status(401, "Unauthorized") }
        });
        Self { server }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }
}

fn answer(request: &Request) -> Reply {
    let value = match request.path() {
        "/version" | "/version/" => {
            json!({ "major": "1", "minor": "30", "gitVersion": "v1.30.0", "platform": "linux/amd64",
                    "buildDate": "", "compiler": "", "gitCommit": "", "gitTreeState": "", "goVersion": "" })
        }
        "/api" => json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] }),
        "/apis" => json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [] }),
        "/api/v1" => json!({
            "kind": "APIResourceList", "groupVersion": "v1",
            "resources": [{ "name": "nodes", "singularName": "node", "namespaced": false, "kind": "Node",
                            "verbs": ["get", "list"], "shortNames": ["no"] }],
        }),
        "/api/v1/nodes" => nodes(),
        _ => return status(404, "NotFound"),
    };
    Reply::json(200, &value)
}

/// A table, which every kubectl since 1.16 asks for.
fn nodes() -> Value {
    let column = |name: &str| json!({ "name": name, "type": "string", "format": "", "description": "", "priority": 0 });
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": { "resourceVersion": "1" },
        "columnDefinitions": [column("Name"), column("Status")],
        "rows": [{
            "cells": [NODE, "Ready"],
            "object": { "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": { "name": NODE } },
        }],
    })
}

fn status(code: u16, reason: &str) -> Reply {
    Reply::json(
        code,
        &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                 "message": reason, "reason": reason, "code": code }),
    )
}
