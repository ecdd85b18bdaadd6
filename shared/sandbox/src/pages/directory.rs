//! `GET /_sandbox/directory`: a company's directory as its administrator sees it, and what became of the news.
use crate::state::Sandbox;
use axum::extract::State;
use axum::response::Response;
pub(crate) async fn directory(State(_sandbox): State<Sandbox>) -> Response {
    super::message(http::StatusCode::OK, "x", "y", None)
}
