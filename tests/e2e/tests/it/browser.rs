//! The product in a real browser: Chromium, driven through chromedriver.
//!
//! HTTP clients do not enforce `SameSite`, frame policies or content security policies, keep no history and read URLs
//! their own way; what depends on a browser is proven in one. The tests run where `VESTIBULE_BROWSER=chromium` is set
//! and `chromedriver` is on the path; elsewhere one line says that they were left out.

mod chromium;
mod cookies;
mod leaver;
mod newcomer;
mod other_sites;
mod page;
mod pages;
mod restricted;
mod return_urls;
mod routing;
mod siblings;
mod site;
mod stored;
mod tabs;
