//! `GET|POST /login` (also `/auth/login`, and `/login/{slug}` for one tenant): a login begins.
//!
//! Only a document navigation starts anything: a prefetch, a scanner's HEAD or a script would fill the browser with
//! cookies (R05, R13). A POST comes from our own pages alone; it is there to keep an address out of address bars, and
//! can do nothing that a link cannot. Which way a login goes is decided by `domain::routing`, from what is read here.

use std::time::Duration;

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{OriginalUri, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::routing::{Candidate, Company, Decision, Remembered, Seek, decide};
use domain::tenant_settings::Slug;
use domain::{Domain, OrganizationId, Selector, Timestamp};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use store::{Limit, TenantRecord, Verdict};
use web::cookies::{RememberedCookie, RequestCookies};
use web::origin::same_origin;
use web::pages::{Brand, EmailForm, Link, Page};
use web::problem::Problem;
use web::{Ctx, Navigation};

use crate::Deps;
use crate::failure::Failure;
use crate::journey::Journey;
use crate::pages;
use crate::request::{Parameters, Request};

/// Over how long the people of a crowd come back.
const SPREAD: Duration = Duration::from_secs(20);

/// What every handler here is given of the request.
pub(crate) struct Visit<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) ctx: &'a Ctx,
    pub(crate) cookies: RequestCookies,
    pub(crate) remembered: Vec<Remembered>,
    pub(crate) now: Timestamp,
}

impl<'a> Visit<'a> {
    fn new(deps: &'a Deps, ctx: &'a Ctx, headers: &HeaderMap) -> Self {
        let cookies = RequestCookies::from_headers(headers);
        let remembered = RememberedCookie::read(&cookies);
        Self { deps, ctx, cookies, remembered, now: deps.shared.clock().now() }
    }
}

pub(crate) async fn by_link(
    State(deps): State<Deps>,
    ctx: Ctx,
    navigation: Navigation,
    slug: Option<Path<String>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    match navigation {
        Navigation::Document => {}
        Navigation::NotGet | Navigation::Prefetch => return StatusCode::NO_CONTENT.into_response(),
        Navigation::Subresource => {
            let why =
                "A login starts when a person opens this address in a tab, not when a script asks for it.";
            return Problem::new(StatusCode::BAD_REQUEST, "not_a_navigation", why).respond(&ctx);
        }
    }
    let visit = Visit::new(&deps, &ctx, &headers);
    let slug = slug.map(|Path(slug)| slug);
    let path = slug.as_deref().and_then(|slug| Slug::parse(slug).ok());
    let path = path.map_or_else(|| Link::path("/login"), |slug| Link::tenant_login(&slug));
    let again = path.with_query(uri.query().unwrap_or_default());
    let parameters =
        query.map(|Query(parameters)| parameters).map_err(|_| Failure::Parameter("twice, or not text"));
    visit.answer(slug, parameters, again).await
}

pub(crate) async fn by_form(
    State(deps): State<Deps>,
    ctx: Ctx,
    headers: HeaderMap,
    form: Result<Form<Parameters>, FormRejection>,
) -> Response {
    let back = Link::path("/login");
    if same_origin(&headers, &deps.shared.site().public_url).is_err() {
        return Page::CrossSite { back }.respond(deps.shared.site(), &ctx);
    }
    let visit = Visit::new(&deps, &ctx, &headers);
    let parameters =
        form.map(|Form(parameters)| parameters).map_err(|_| Failure::Parameter("twice, or not text"));
    // What was typed stays out of every link.
    visit.answer(None, parameters, back).await
}

impl Visit<'_> {
    async fn answer(
        &self,
        slug: Option<String>,
        parameters: Result<Parameters, Failure>,
        again: Link,
    ) -> Response {
        let mut journey = Journey::begin(self.deps, &self.ctx.request_id, self.now);
        let mut start = Link::path("/login");
        let outcome = async {
            let parameters = parameters?;
            let mut request = parameters.parse(self.deps)?;
            start = request.start();
            request.asked.place = match &slug {
                Some(slug) => Some(self.place(slug).await?),
                None => None,
            };
            journey.asked(&request, self.now);
            if let Some(text) = parameters.mistyped() {
                return Ok(self.email_form(&request, &text, true));
            }
            if let Some(elsewhere) = self.elsewhere(&mut request).await? {
                return Ok(elsewhere);
            }
            self.route(&request, &mut journey).await
        };
        match outcome.await {
            Ok(response) => response,
            Err(failure) => self.fail(failure, journey, start, again).await,
        }
    }

    async fn fail(&self, failure: Failure, mut journey: Journey, start: Link, again: Link) -> Response {
        if failure.ours() {
            tracing::error!(error = %failure, "a login did not start: {failure}");
        } else {
            tracing::warn!(error = %failure, "a login was not started: {failure}");
        }
        let traced = failure.worth_telling() && self.may_tell();
        let ours = failure.ours();
        let page = failure.page(start, again);
        let reason = match page.code() {
            // The trace says what was down.
            Some("try_later") => "store_unavailable",
            Some(code) => code,
            None => "unknown",
        };
        if traced {
            journey.failed(&self.deps.store, reason, self.now).await;
        }
        if !ours {
            self.deps.shared.metrics().count_by("login_not_started", "reason", reason);
        }
        page.respond(self.deps.shared.site(), self.ctx)
    }

    /// The tenant with this login address.
    async fn place(&self, slug: &str) -> Result<OrganizationId, Failure> {
        let slug = Slug::parse(slug).map_err(|_| Failure::NoSuchPlace)?;
        self.count_lookup().await?;
        self.deps.store.organization_by_slug(&slug).await?.ok_or(Failure::NoSuchPlace)
    }

    /// A tenant's own host: the login goes on at the host of the sessions, for that tenant. Cookies of a login belong to
    /// the host that the IdP sends the browser back to. A host that is nobody's is a name that something in front of the
    /// product has for it, and not the browser's: sending the browser away from it would bring it back here for ever.
    async fn elsewhere(&self, request: &mut Request) -> Result<Option<Response>, Failure> {
        let home = &self.deps.shared.site().public_url;
        let here = &self.ctx.host;
        if here.is_empty() || self.deps.settings.redirect_uri.host_str() == Some(here) {
            return Ok(None);
        }
        let Ok(host) = Domain::parse(here) else { return Ok(None) };
        self.count_lookup().await?;
        let Some(organization) = self.deps.store.organization_by_host(&host).await? else { return Ok(None) };
        request.asked.place.get_or_insert(organization);
        let seek = request.asked.seek(false).map_err(Failure::Conflict)?;
        if request.asked.connection.is_some() {
            // The other host is not told whose place this was: whether the connection fits is seen here.
            let candidates = self.candidates(&self.read(&seek).await?);
            if let Decision::Conflict(conflict) = decide(&request.asked, &candidates, &[]) {
                return Err(Failure::Conflict(conflict));
            }
        }
        let query = request.to_query();
        let url = format!("{home}/login{}{query}", if query.is_empty() { "" } else { "?" });
        Ok(Some(Redirect::to(&url).into_response()))
    }

    async fn route(&self, request: &Request, journey: &mut Journey) -> Result<Response, Failure> {
        let settings = &self.deps.settings;
        let default = settings.default_selector.as_ref();
        // What was asked for by name is stronger than the default, and so is the wish to choose.
        let asked = match default {
            Some(selector) if request.is_bare() && !request.asked.choose => request.with(selector),
            _ => request.asked.clone(),
        };
        let seek = asked.seek(!self.remembered.is_empty()).map_err(Failure::Conflict)?;
        let records = self.read(&seek).await?;
        let candidates = self.candidates(&records);
        let mut decision = decide(&asked, &candidates, &self.remembered);
        if let (Decision::NotSetUp, Some(selector)) = (&decision, default) {
            // One company's deployment: whoever has another address is for that company to judge.
            decision = decide(&request.with(selector), &[], &self.remembered);
        }
        match decision {
            Decision::Go(to) => {
                journey.routed(&to.selector, to.organization.as_ref(), self.now);
                self.leave(request, to, journey).await
            }
            Decision::Conflict(conflict) => Err(Failure::Conflict(conflict)),
            Decision::AskEmail => {
                let hinted = request.hinted().map(|address| address.to_string()).unwrap_or_default();
                let mut response = self.email_form(request, &hinted, false);
                if request.asked.choose {
                    response.headers_mut().append(SET_COOKIE, RememberedCookie::clear().header().clone());
                }
                Ok(response)
            }
            Decision::NotSetUp => {
                self.deps.shared.metrics().count_by("login_not_started", "reason", "not_set_up");
                let again = request.start();
                let page = Page::NotSetUp { again: again.with("another", "1") };
                journey.failed(&self.deps.store, "not_set_up", self.now).await;
                Ok(page.respond(self.deps.shared.site(), self.ctx))
            }
            Decision::WelcomeBack(companies) => {
                let brand = match companies.as_slice() {
                    [(company, _)] => brand(company, &records),
                    _ => None,
                };
                let page = pages::welcome_back(request, &companies);
                Ok(page.respond_as(self.deps.shared.site(), self.ctx, brand.as_ref()))
            }
            Decision::PickConnection { company, choices } => {
                let brand = brand(&company, &records);
                let page = pages::pick_connection(request, &company, &choices);
                self.asks(journey, "a choice of connections").await;
                Ok(page.respond_as(self.deps.shared.site(), self.ctx, brand.as_ref()))
            }
            Decision::PickCompany(companies) => {
                let page = pages::pick_company(request, &companies);
                self.asks(journey, "a choice of companies").await;
                Ok(page.respond(self.deps.shared.site(), self.ctx))
            }
        }
    }

    async fn asks(&self, journey: &mut Journey, what: &str) {
        if self.may_tell() {
            journey.answered(&self.deps.store, what, self.now).await;
        }
    }

    /// Whether an attempt that began no login is written down: whoever makes them up is, up to a point.
    fn may_tell(&self) -> bool {
        let client = self.ctx.client.limit_key();
        let verdict = self.deps.limiter.count_here(&self.deps.settings.told, &client, self.now);
        !matches!(verdict, Verdict::Over { .. })
    }

    fn candidates(&self, records: &[TenantRecord]) -> Vec<Candidate> {
        let providers = &self.deps.settings.providers;
        let candidate =
            |known: &TenantRecord| Candidate::of(&known.tenant, &known.gate, &known.settings, providers);
        records.iter().map(candidate).collect()
    }

    fn email_form(&self, request: &Request, email: &str, invalid: bool) -> Response {
        let form = EmailForm {
            action: Link::path("/login"),
            return_to: request.return_to.clone(),
            email: email.to_owned(),
            invalid,
            providers: self.deps.settings.providers.clone(),
        };
        Page::AskEmail(form).respond(self.deps.shared.site(), self.ctx)
    }

    /// What the decision needs to know. A domain takes the same calls whether it is somebody's or nobody's (R15).
    async fn read(&self, seek: &Seek) -> Result<Vec<TenantRecord>, Failure> {
        let store = &self.deps.store;
        match seek {
            Seek::Nothing => Ok(Vec::new()),
            Seek::Tenant(organization) => Ok(store.tenant(organization).await?.into_iter().collect()),
            Seek::Remembered => {
                let mut organizations: Vec<OrganizationId> =
                    self.remembered.iter().map(|known| known.organization.clone()).collect();
                organizations.dedup();
                Ok(store.tenants_of(&organizations).await?)
            }
            Seek::Domain(domain) => {
                self.count_lookup().await?;
                Ok(store.tenants_by_domain(domain).await?)
            }
        }
    }

    /// Whoever asks which companies are here is counted before anything is looked up.
    async fn count_lookup(&self) -> Result<(), Failure> {
        let limit = &self.deps.settings.lookups;
        let client = self.ctx.client.limit_key();
        if let Some(Verdict::Over { retry_after: wait }) =
            self.deps.limiter.known_over(limit, &client, self.now)
        {
            return Err(Failure::TooMany { wait, known: true });
        }
        match self.count(limit, &client).await {
            Some(wait) => Err(Failure::TooMany { wait, known: false }),
            None => Ok(()),
        }
    }

    /// WorkOS counts the logins of each connection, and tells the browser of one too many in its own words. An
    /// organization that is not known here has one connection like any other; a public provider is one for all.
    pub(crate) async fn count_login(
        &self,
        selector: &Selector,
        organization: Option<&OrganizationId>,
        retry: Link,
    ) -> Result<(), Failure> {
        let way = match selector {
            Selector::Connection(id) => id.as_str(),
            Selector::Organization(id) => id.as_str(),
            Selector::Provider { provider, .. } => provider.as_str(),
        };
        let (of_way, of_tenant) = (&self.deps.settings.connection_logins, &self.deps.settings.tenant_logins);
        let tenant = async {
            match organization {
                Some(organization) => self.count(of_tenant, organization.as_str()).await,
                None => None,
            }
        };
        let (way, tenant) = tokio::join!(self.count(of_way, way), tenant);
        match way.max(tenant) {
            Some(wait) => Err(Failure::Crowded { wait: wait.saturating_add(self.spread()), retry }),
            None => Ok(()),
        }
    }

    /// How much longer than the minute this one waits: a company that waits shall not come back in one second.
    fn spread(&self) -> Duration {
        let [random] = self.deps.shared.rng().bytes::<1>().unwrap_or_default();
        SPREAD.mul_f64(f64::from(random) / 256.0)
    }

    /// How long to wait; `None` within the limit.
    async fn count(&self, limit: &Limit, who: &str) -> Option<Duration> {
        let limiter = &self.deps.limiter;
        let verdict = match limiter.known_over(limit, who, self.now) {
            Some(over) => over,
            None => limiter.count(limit, who, self.now).await,
        };
        match verdict {
            Verdict::Within => None,
            Verdict::Uncounted => {
                self.deps.shared.metrics().count_by("limit_uncounted", "limit", limit.name);
                None
            }
            Verdict::Over { retry_after } => Some(retry_after),
        }
    }
}

fn brand(company: &Company, records: &[TenantRecord]) -> Option<Brand> {
    let known = records.iter().find(|known| known.tenant.organization == company.organization)?;
    Brand::of(&company.name, &known.settings.branding)
}
