//! One group with very many people in it: what happens to the group happens to nobody of them.

use std::fmt::Write as _;

use e2e::dsync::{directory, group, membership, with};
use e2e::{Stack, Traffic};
use serde_json::{Value, json};

use crate::company::employee;
use crate::courier::Courier;

const KINDS: [&str; 3] = ["dsync.group.updated", "dsync.group.deleted", "dsync.deleted"];

/// Renames the group, deletes it, ends the directory: what each sends to the database, and how long it took.
async fn of_size(members: usize) -> Vec<(Traffic, f64)> {
    let stack = Stack::without_streams().await;
    let courier = Courier::of(&stack);
    let everybody = group("ALL", "Everybody");
    courier.expects("applied", &stack.event("dir", "dsync.activated", directory())).await;
    courier.expects("applied", &stack.event("all", "dsync.group.created", everybody.clone())).await;
    let at = stack.clock.now();
    let joins = everybody.clone();
    let event = move |n: usize| -> Value {
        let one = employee(n / 2);
        let (kind, data) = if n.is_multiple_of(2) {
            ("dsync.user.created", one)
        } else {
            ("dsync.group.user_added", membership(&one, &joins))
        };
        e2e::dsync::event_at(at, &format!("crowd{n:06}"), kind, data)
    };
    courier.floods(members * 2, event).await;
    stack.advance(1);

    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let courier = Courier::by(&stack, deployment.visited_by(&stack.browser()));
    // Opens the connections.
    courier.expects("ignored", &stack.event("odd", "flag.created", json!({}))).await;
    let renamed = with(everybody, &json!({"name": "All of us"}));
    let mut all = Vec::new();
    for (kind, data) in KINDS.into_iter().zip([renamed.clone(), renamed, directory()]) {
        let event = stack.event(&format!("end{}", all.len()), kind, data);
        proxy.forget();
        let took = courier.expects("applied", &event).await;
        all.push((proxy.traffic(), took.as_secs_f64() * 1000.0));
    }
    all
}

/// Everything of this section, in Markdown.
pub(crate) async fn measured(few: usize, many: usize) -> String {
    let (small, large) = (of_size(few).await, of_size(many).await);
    let mut text = format!(
        "**One group of {many} people**, beside one of {few}: what its end and the directory's come to.\n\n\
         | | calls, {few} | calls, {many} | items written, {few} | items written, {many} | took, {few} | took, {many} |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for ((kind, (small, soon)), (large, late)) in KINDS.iter().zip(&small).zip(&large) {
        let _ = writeln!(
            text,
            "| `{kind}` | {} | {} | {} | {} | {soon:.1} ms | {late:.1} ms |",
            small.total(),
            large.total(),
            small.written,
            large.written,
        );
    }
    let same = small.iter().zip(&large).all(|((small, _), (large, _))| small == large);
    let _ = writeln!(
        text,
        "\nCalls, items read and items written {} however many people are in it.\n",
        if same { "are the same" } else { "DIFFER" }
    );
    text
}
