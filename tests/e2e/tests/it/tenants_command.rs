//! `vestibule tenants`: the verbs that an operator runs, against the sandbox's WorkOS and the stack's tables.

use std::fs;
use std::path::PathBuf;

use domain::tenant_settings::Slug;
use domain::{ConnectionId, Domain, OrganizationId};
use e2e::{Stack, at};
use tempfile::TempDir;
use tokio::sync::oneshot;
use vestibule::tenants::import::{Import, ImportReport};
use vestibule::tenants::{
    Change, CreateError, Created, FindError, MatchBy, MoveError, MovePlan, NewTenant, SettingsError,
    Severity, SyncError, Synced, Tenants,
};
use workos::PortalIntent;

const ACME: &str = "org_01SANDBOXACME";
const GLOBEX: &str = "org_01SANDBOXGLOBEX";
const OKTA: &str = "conn_01SANDBOXACMEOKTA";
const GOOGLE: &str = "conn_01SANDBOXGLOBEXGOOGLE";

fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

fn slug(text: &str) -> Change {
    Change { slug: Some(Some(Slug::parse(text).unwrap())), ..Change::default() }
}

/// The actions in the audit log, sorted.
async fn audited(stack: &Stack) -> Vec<String> {
    let mut actions: Vec<String> =
        stack.audit().await.iter().map(|item| item.text("action").to_owned()).collect();
    actions.sort();
    actions
}

/// A new customer is an organization at WorkOS, a tenant here, a login address, and an audit item.
#[tokio::test]
async fn a_created_tenant_is_at_workos_and_here() {
    let stack = Stack::start().await;
    let operator = stack.operator();
    let new = NewTenant {
        name: "Umbrella".to_owned(),
        domains: vec![Domain::parse("umbrella.example").unwrap()],
        verified: true,
        external_id: Some("customer-7".to_owned()),
        settings: slug("umbrella"),
    };
    let Created { record: made, existed } = operator.create(&new).await.unwrap();
    assert!(!existed);
    let at_workos = operator.fetch(&made.tenant.organization).await.unwrap().unwrap();
    assert_eq!((at_workos.name.as_str(), at_workos.domains.len()), ("Umbrella", 1));
    assert_eq!(operator.find("umbrella").await.unwrap().tenant, made.tenant);
    assert_eq!(audited(&stack).await, ["tenant.changed", "tenant.created"]);

    // Typed again it makes nothing and tells of nothing; with or without the id of ours.
    for external_id in [new.external_id.clone(), None] {
        let again = operator.create(&NewTenant { external_id, ..new.clone() }).await.unwrap();
        assert_eq!((&again.record.tenant.organization, again.existed), (&made.tenant.organization, true));
    }
    let other = NewTenant { name: "Somebody else".to_owned(), ..new.clone() };
    let taken = operator.create(&other).await;
    assert!(matches!(taken, Err(CreateError::ExternalIdTaken { id, .. }) if id == "customer-7"));
    assert_eq!(stack.tenants().await.len(), 1);
    assert_eq!(audited(&stack).await, ["tenant.changed", "tenant.created"]);
    // Nobody can sign in there yet, and that is said.
    assert_eq!(operator.health(&made).await.severity, Severity::Broken);
}

/// `sync` stores what WorkOS has, changes what differs, and run again changes nothing.
#[tokio::test]
async fn a_sync_brings_tenants_up_to_date() {
    let stack = Stack::start().await;
    let operator = stack.operator();
    let sync = async || {
        // What is no newer than what is stored changes nothing.
        stack.advance(1);
        operator.sync_all(false, &mut |_, _| {}).await.unwrap()
    };
    let first = sync().await;
    assert_eq!((first.added, first.changed, first.gone), (6, 0, 0));
    let second = sync().await;
    assert_eq!((second.added, second.changed, second.unchanged), (0, 0, 6));

    // Without the webhooks that would have told.
    stack.sandbox().delivery(serde_json::json!({"drop": true})).await;
    stack.sandbox().connection(GOOGLE, "inactive").await;
    let third = sync().await;
    assert_eq!((third.changed, third.unchanged), (1, 5));
    let globex = operator.find(GLOBEX).await.unwrap();
    assert_eq!(operator.health(&globex).await.severity, Severity::Broken);
    stack.sandbox().connection(GOOGLE, "active").await;
    stack.advance(1);
    assert_eq!(operator.sync(&[organization(GLOBEX)], false, &mut |_, _| {}).await.unwrap().changed, 1);

    // Health knows the last sign-in: of this tenant, and whether it went well.
    let globex = operator.find(GLOBEX).await.unwrap();
    assert_eq!(operator.health(&globex).await.last_sign_in, None);
    stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
    let report = operator.health(&globex).await;
    assert_eq!(report.last_sign_in, Some(stack.clock.now().rfc3339()), "{report:?}");
    assert_eq!(operator.health(&operator.find(ACME).await.unwrap()).await.last_sign_in, None);
}

/// A tenant whose organization is gone is closed when that was asked for, once; and its people are signed out.
#[tokio::test]
async fn what_is_gone_is_closed_on_request() {
    let stack = Stack::with_tenants(&[]).await;
    let operator = stack.operator();
    let browser = stack.browser();
    browser.signed_in(at::GLOBEX, "hank@globex.com").await;
    stack.advance(1);
    stack
        .sandbox()
        .fault(serde_json::json!({"path": "/organizations", "kind": "status", "status": 404, "count": 9}))
        .await;
    let globex = [organization(GLOBEX)];
    for close in [false, true, true] {
        let report = operator.sync(&globex, close, &mut |_, _| {}).await.unwrap();
        let gone = Synced::Gone { organization: organization(GLOBEX), closed: close };
        assert_eq!(report.tenants, [gone]);
        stack.advance(61);
        assert_eq!(browser.session().await.status == 200, !close);
    }
    assert_eq!(audited(&stack).await.iter().filter(|action| *action == "tenant.closed").count(), 1);
}

/// A portal link is audited before it exists, and works once it does.
#[tokio::test]
async fn a_portal_link_is_audited() {
    let stack = Stack::with_tenants(&[]).await;
    let operator = stack.operator();
    let link = operator.portal_link(&organization(ACME), PortalIntent::Sso, None).await.unwrap();
    let page = stack.browser().get(link.expose()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(audited(&stack).await.contains(&"tenant.portal_opened".to_owned()));
}

/// R47: what belongs to one tenant cannot be named for another, in any verb that takes both; and nothing is written.
#[tokio::test]
async fn foreign_ids_are_refused() {
    let stack = Stack::with_tenants(&[]).await;
    let operator = stack.operator();
    let acme = || async { operator.find(ACME).await.unwrap() };
    operator.change_settings(operator.find(GLOBEX).await.unwrap(), &slug("globex")).await.unwrap();
    let before = (acme().await, audited(&stack).await);

    for change in [
        Change { labels: vec![(connection(GOOGLE), None)], ..Change::default() },
        Change { connection_domains: vec![(connection(GOOGLE), Vec::new())], ..Change::default() },
    ] {
        let refused = operator.change_settings(acme().await, &change).await;
        assert!(matches!(refused, Err(SettingsError::ForeignConnection(_))), "{refused:?}");
    }
    assert!(matches!(
        operator.change_settings(acme().await, &slug("globex")).await,
        Err(SettingsError::SlugTaken)
    ));
    let plan = MovePlan {
        from: connection(OKTA),
        to: connection(GOOGLE),
        matched_by: MatchBy::Email,
        dry_run: false,
        grants_last: std::time::Duration::from_secs(3600),
    };
    let refused = operator.move_connection(&acme().await, &plan, &mut |_, _| {}).await;
    assert!(matches!(refused, Err(MoveError::ForeignConnection(_))), "{refused:?}");
    // People of a foreign connection are nobody's here, also when it has some.
    stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
    let before = (before.0, audited(&stack).await);
    let plan = MovePlan { from: connection(GOOGLE), to: connection(OKTA), ..plan };
    let refused = operator.move_connection(&acme().await, &plan, &mut |_, _| {}).await;
    assert!(matches!(refused, Err(MoveError::ForeignConnection(_))), "{refused:?}");
    let unknown = operator.sync(&[organization("org_01NOBODY")], true, &mut |_, _| {}).await;
    assert!(matches!(unknown, Err(SyncError::Unknown(_))), "{unknown:?}");
    for nobody in ["org_01NOBODY", "nobody"] {
        assert!(matches!(operator.find(nobody).await, Err(FindError::Unknown(_))));
    }
    assert_eq!((acme().await, audited(&stack).await), before);
}

/// R45: without a move the people of a new connection are new people; with one they keep their accounts. A dry run says
/// what a run does, and a second run finds nothing to do.
#[tokio::test]
async fn a_moved_company_keeps_its_accounts() {
    let stack = Stack::with_tenants(&[]).await;
    let operator = stack.operator();
    let mut before = Vec::new();
    for email in ["ada@acme.com", "ben.fischer@acme.com"] {
        let browser = stack.browser();
        browser.signed_in(at::OKTA, email).await;
        before.push(browser.session().await.json()["user"]["id"].clone());
    }
    let plan = MovePlan {
        from: connection(OKTA),
        to: connection("conn_01SANDBOXACMEENTRA"),
        matched_by: MatchBy::Email,
        dry_run: true,
        grants_last: std::time::Duration::from_secs(30 * 24 * 3600),
    };
    let acme = operator.find(ACME).await.unwrap();
    let dry = operator.move_connection(&acme, &plan, &mut |_, _| {}).await.unwrap();
    assert_eq!((dry.people, dry.moved, dry.already), (2, 2, 0));
    assert!(!audited(&stack).await.contains(&"tenant.connection_moved".to_owned()));
    let plan = MovePlan { dry_run: false, ..plan };
    let moved = operator.move_connection(&acme, &plan, &mut |_, _| {}).await.unwrap();
    assert_eq!((moved.people, moved.moved, moved.left), (2, 2, dry.left));
    assert!(audited(&stack).await.contains(&"tenant.connection_moved".to_owned()));
    let again = operator.move_connection(&acme, &plan, &mut |_, _| {}).await.unwrap();
    assert_eq!((again.moved, again.already), (0, 2));

    for (email, id) in [("ada@acme.com", &before[0]), ("ben.fischer@acme.com", &before[1])] {
        let browser = stack.browser();
        browser.signed_in(at::ENTRA, email).await;
        assert_eq!(browser.session().await.json()["user"]["id"], *id, "{email}");
    }
    // Somebody who never came through the old connection is somebody new.
    let browser = stack.browser();
    browser.signed_in(at::ENTRA, "mei.lin@acme.com").await;
    assert!(!before.contains(&browser.session().await.json()["user"]["id"]));
}

/// R45: without a move a new connection makes new accounts, and a move that comes too late says so and changes nothing.
#[tokio::test]
async fn a_late_move_says_who_is_there_already() {
    let stack = Stack::with_tenants(&[]).await;
    let operator = stack.operator();
    let id = async |at: &str| {
        let browser = stack.browser();
        browser.signed_in(at, "ada@acme.com").await;
        browser.session().await.json()["user"]["id"].clone()
    };
    let (old, new) = (id(at::OKTA).await, id(at::ENTRA).await);
    assert_ne!(old, new);
    let plan = MovePlan {
        from: connection(OKTA),
        to: connection("conn_01SANDBOXACMEENTRA"),
        matched_by: MatchBy::Email,
        dry_run: false,
        grants_last: std::time::Duration::from_secs(3600),
    };
    let report = operator.move_connection(&operator.find(ACME).await.unwrap(), &plan, &mut |_, _| {}).await;
    let report = report.unwrap();
    assert_eq!((report.moved, report.left.len()), (0, 1), "{report:?}");
    assert!(report.left[0].why.contains("already"));
    assert!(!audited(&stack).await.contains(&"tenant.connection_moved".to_owned()));
    assert_eq!((id(at::OKTA).await, id(at::ENTRA).await), (old, new));
}

struct Customers {
    _dir: TempDir,
    file: PathBuf,
}

impl Customers {
    fn new(name: &str, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        Self { _dir: dir, file }
    }

    fn csv(rows: usize) -> Self {
        let mut text = "name,domains,verified,external_id,slug\n".to_owned();
        for n in 0..rows {
            text.push_str(&format!("Customer {n},c{n}.example,true,ext-{n},customer-{n}\n"));
        }
        Self::new("customers.csv", &text)
    }

    fn open(&self) -> Import {
        Import::open(&self.file, None).unwrap()
    }
}

async fn run(customers: &Customers, operator: &Tenants) -> ImportReport {
    customers.open().run(operator, &mut |_, _| {}).await.unwrap()
}

/// Every bad row is told with its line before anything is made.
#[tokio::test]
async fn bad_rows_are_all_told_and_not_made() {
    let customers = Customers::new(
        "customers.csv",
        "name,domains,verified,external_id,slug\n\
         Fine,fine.example,true,1,fine\n\
         ,nameless.example,true,2,nameless\n\
         Bad domain,under_score.example,true,3,bad-domain\n\
         Twice,twice.example,true,1,twice\n\
         Bad slug,slug.example,true,5,Not A Slug\n\
         Maybe,maybe.example,maybe,6,maybe\n",
    );
    let import = customers.open();
    let lines: Vec<u64> = import.summary.problems.iter().map(|problem| problem.line).collect();
    assert_eq!((import.summary.good, lines), (1, vec![3, 4, 5, 6, 7]), "{:?}", import.summary.problems);

    let stack = Stack::start().await;
    let report = run(&customers, &stack.operator()).await;
    assert_eq!((report.rows, report.created), (1, 1));
    let names: Vec<String> =
        stack.tenants().await.iter().map(|tenant| tenant.text("name").to_owned()).collect();
    assert_eq!(names, ["Fine"]);
}

/// A run that is killed half way goes on where it stopped: nobody is left out, and nobody is made twice.
#[tokio::test]
async fn a_killed_import_goes_on() {
    const ROWS: usize = 60;
    let stack = Stack::start().await;
    let operator = stack.operator();
    let customers = Customers::csv(ROWS);
    let import = customers.open();
    let (half, reached) = oneshot::channel();
    let first = tokio::spawn({
        let operator = operator.clone();
        async move {
            let mut half = Some(half);
            let mut progress = |done: usize, _: Option<usize>| {
                if done == ROWS / 2
                    && let Some(half) = half.take()
                {
                    let _ = half.send(());
                }
            };
            import.run(&operator, &mut progress).await
        }
    });
    reached.await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());

    let second = run(&customers, &operator).await;
    assert_eq!((second.rows, second.failed.len()), (ROWS, 0), "{:?}", second.failed);
    assert!(second.already >= ROWS / 2 - 8 && second.created < ROWS, "{second:?}");
    let third = run(&customers, &operator).await;
    assert_eq!((third.already, third.created, third.adopted), (ROWS, 0, 0));

    let mut here: Vec<String> =
        stack.tenants().await.iter().map(|tenant| tenant.text("name").to_owned()).collect();
    here.sort();
    here.dedup();
    assert_eq!(here.len(), ROWS);
    // WorkOS has the sandbox's own six and one for each row.
    let synced = operator.sync_all(false, &mut |_, _| {}).await.unwrap();
    assert_eq!((synced.added, synced.unchanged), (6, ROWS));
}

/// A file that changes under the run's hands ends it with the line; what was made stays, and the rest follows.
#[tokio::test]
async fn an_import_whose_file_changes_says_where() {
    let stack = Stack::start().await;
    let operator = stack.operator();
    let customers = Customers::csv(20);
    let whole = fs::read_to_string(&customers.file).unwrap();
    let import = customers.open();
    fs::write(&customers.file, whole.replace("customer-12\n", "Not A Slug\n")).unwrap();
    let told = import.run(&operator, &mut |_, _| {}).await.unwrap_err().to_string();
    assert!(told.contains("customers.csv, line 14: slug:") && told.contains("go on"), "{told}");
    let made = stack.tenants().await.len();
    assert_eq!(made, 12, "those before it");

    fs::write(&customers.file, &whole[..whole.find("Customer 15").unwrap()]).unwrap();
    let told = import.run(&operator, &mut |_, _| {}).await.unwrap_err().to_string();
    assert!(told.contains("15 good rows, and 20 when it was checked"), "{told}");

    fs::write(&customers.file, whole).unwrap();
    let report = run(&customers, &operator).await;
    assert_eq!((report.rows, report.already, report.created), (20, 15, 5), "{report:?}");
}

/// WorkOS being slow, busy or down for a while costs time and no row.
#[tokio::test]
async fn an_import_outlasts_workos_trouble() {
    let stack = Stack::start().await;
    let fault = serde_json::json!({"path": "/organizations", "kind": "status", "status": 429, "count": 3, "retry_after": 0});
    stack.sandbox().fault(fault).await;
    let customers = Customers::csv(12);
    let report = run(&customers, &stack.operator()).await;
    assert_eq!((report.created, report.failed.len()), (12, 0), "{:?}", report.failed);
}
