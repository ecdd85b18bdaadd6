//! Hired, fired and hired again, as people do and see it: the administrator in the directory's pages, the person at the app.

use e2e::at;
use vestibule::dev::{Options, Running, start};

use super::chromium::Chromium;
use super::pages::Walk;
use super::stored;

const KIM: &str = "kim.novak@acme.com";

/// What was changed has reached the app.
async fn told(stack: &Running) {
    stack.outbox.as_ref().unwrap().deliver().await.unwrap();
}

/// Kim's line on the app's own page of people.
async fn line_of_kim(browser: &Chromium, app: &str) -> String {
    browser.open(&format!("{app}/people")).await;
    browser.see_heading("People at Acme Corp").await;
    browser.see("//tr[th[starts-with(normalize-space(), 'Kim Novak')]]").await.text().await.unwrap()
}

/// Kim's ids in the directory, as the product heard of them.
async fn directory_users(stack: &Running, id: &domain::UserId) -> Vec<String> {
    let user = stored::user(stack, id).await;
    user.directories.keys().map(ToString::to_string).collect()
}

/// R58, R60: whoever is hired in the company's directory is on the app's own list; whoever is fired there is out at the next
/// reload and reads why; whoever is hired again comes back as the same user.
#[tokio::test]
async fn hired_fired_and_hired_again_in_the_console() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let (app, sandbox) = (stack.urls.app.as_str(), stack.urls.sandbox.as_deref().unwrap());
    let mut walk = Walk::new(&browser);

    // The administrator hires.
    browser.open(sandbox).await;
    browser.press("Directories").await;
    walk.look("directory", "Directory of Acme Corp").await;
    browser.fill("E-mail address", KIM).await;
    browser.fill("First name", "Kim").await;
    browser.fill("Last name", "Novak").await;
    browser.fill("Groups", "Engineering, Night Shift").await;
    browser.press("Hire").await;
    browser.see("//button[@aria-label='Fire Kim Novak']").await;
    walk.look("directory-hired", "Directory of Acme Corp").await;
    let console = browser.client.window().await.unwrap();

    // Kim is on the app's list before they were ever here, and signs in.
    let tab = browser.another_tab().await;
    told(&stack).await;
    browser.sign_in(app, "ada@acme.com").await;
    let hired = line_of_kim(&browser, app).await;
    assert!(hired.contains(KIM) && hired.contains("Active") && hired.contains("Night Shift"), "{hired}");
    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
    browser.sign_in(app, KIM).await;
    let id = browser.shown_user().await;
    let [first] = directory_users(&stack, &id).await.try_into().unwrap();
    line_of_kim(&browser, app).await;
    walk.look("people", "People at Acme Corp").await;
    browser.press("Dashboard").await;
    browser.see_dashboard().await;

    // The administrator fires; Kim reloads.
    browser.switch_to(&console).await;
    browser.press_named("Fire Kim Novak").await;
    browser.see(&format!("//button[@aria-label='Rehire {KIM}']")).await;
    walk.look("directory-fired", "Directory of Acme Corp").await;
    browser.switch_to(&tab).await;
    browser.client.refresh().await.unwrap();
    walk.look("dashboard-fired", "You were signed out").await;
    assert_eq!(browser.status().await, 401);
    let reason = browser.text().await;
    assert!(reason.contains("Your company has closed your account for this app"), "{reason}");
    assert_eq!(stored::live_sessions(&stack, &id).await, [], "nothing is left to come back to");
    browser.open(&format!("{app}/auth/account")).await;
    walk.look("account-fired", "You are not signed in").await;
    // Nor does signing in help: the account at the identity provider is still there.
    browser.open(&format!("{app}/login?{}", at::OKTA)).await;
    browser.be(KIM).await;
    walk.look("refused-fired", "You do not have access").await;
    assert_eq!(browser.status().await, 403);
    assert_eq!(stored::live_sessions(&stack, &id).await, []);
    told(&stack).await;
    browser.sign_in(app, "ada@acme.com").await;
    let fired = line_of_kim(&browser, app).await;
    assert!(fired.contains("Left") && !fired.contains("Active"), "{fired}");
    walk.look("people-fired", "People at Acme Corp").await;

    // Hired again, under another id of the directory: back in, and nobody else.
    browser.switch_to(&console).await;
    browser.press_named(&format!("Rehire {KIM}")).await;
    browser.see("//button[@aria-label='Fire Kim Novak']").await;
    browser.switch_to(&tab).await;
    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
    browser.sign_in(app, KIM).await;
    assert_eq!(browser.shown_user().await, id);
    let known = directory_users(&stack, &id).await;
    assert!(known.contains(&first) && known.len() == 2, "{known:?}");
    told(&stack).await;
    assert!(line_of_kim(&browser, app).await.contains("Active"));
    walk.finish(&[app, sandbox]).await;
}
