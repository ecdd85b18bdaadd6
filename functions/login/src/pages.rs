//! The questions that a login may have, with what their answers must bring back.

use domain::ConnectionId;
use domain::routing::{Choice, Company};
use web::pages::{Along, KnownCompany, Page, Picker};

use crate::request::Request;

impl Request {
    fn along(&self) -> Along<'_> {
        Along {
            email: self.asked.typed.as_ref(),
            login_hint: self.asked.login_hint.as_deref(),
            return_to: self.return_to.as_deref(),
            prompt_login: self.prompt_login,
        }
    }
}

pub(crate) fn pick_connection(request: &Request, company: &Company, choices: &[Choice]) -> Page {
    let other = request.start().with("another", "1");
    let picker = Picker::of_connections(company, choices, &request.along(), other);
    Page::PickConnection { company: company.name.clone(), picker }
}

pub(crate) fn pick_company(request: &Request, companies: &[Company]) -> Page {
    let other = request.start().with("another", "1");
    Page::PickCompany(Picker::of_companies(
        companies,
        request.asked.provider.as_ref(),
        &request.along(),
        other,
    ))
}

pub(crate) fn welcome_back(request: &Request, companies: &[(Company, ConnectionId)]) -> Page {
    let along = request.along();
    let known = companies.iter().map(|(company, connection)| KnownCompany::of(company, connection, &along));
    Page::WelcomeBack { companies: known.collect(), other: request.start().with("another", "1") }
}
