//! Directories as they are now: `GET /directories`, `/directory_users`, `/directory_groups`.
//!
//! For whoever compares what is known here with what is there. An entry that cannot be read fails its page: a person who
//! is left out would pass for one who left. So does an entry of another directory than was asked for, when a server
//! ignores the filter.
//!
//! `/directory_users` takes four calls a second for each directory; beyond that it answers 429.

use domain::directory::{DirectoryRecord, GroupRecord, UserRecord};
use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId};
use net::Deadline;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{Client, ListMetadata, PAGE, read, same};
use crate::credentials::ApiKey;
use crate::error::{Error, Kind};
use crate::event::{DirectoryData, GroupData, UserData};
use crate::lenient;

/// One page of directories.
#[derive(Debug, Clone)]
pub struct Directories {
    pub directories: Vec<DirectoryEntry>,
    /// For the next page; `None` at the end.
    pub next: Option<DirectoryId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub id: DirectoryId,
    pub organization: Option<OrganizationId>,
    pub record: DirectoryRecord,
}

/// One page of directory users.
#[derive(Debug, Clone)]
pub struct DirectoryUsers {
    pub users: Vec<DirectoryUserEntry>,
    pub next: Option<DirectoryUserId>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct DirectoryUserEntry {
    pub directory: DirectoryId,
    pub organization: Option<OrganizationId>,
    pub record: UserRecord,
}

/// One page of directory groups.
#[derive(Debug, Clone)]
pub struct Groups {
    pub groups: Vec<GroupEntry>,
    pub next: Option<DirectoryGroupId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupEntry {
    pub directory: DirectoryId,
    pub organization: Option<OrganizationId>,
    pub record: GroupRecord,
}

/// Whose directory users.
#[derive(Debug, Clone, Copy)]
pub enum UsersOf<'a> {
    Directory(&'a DirectoryId),
    /// The members of a group.
    Group(&'a DirectoryGroupId),
}

/// Whose groups.
#[derive(Debug, Clone, Copy)]
pub enum GroupsOf<'a> {
    Directory(&'a DirectoryId),
    /// The groups of a person.
    User(&'a DirectoryUserId),
}

/// Ids only: the rest is personal data.
impl std::fmt::Debug for DirectoryUserEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectoryUserEntry")
            .field("id", &self.record.id)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Page<T> {
    /// Required: an answer without it must not pass for an empty directory.
    data: Vec<T>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_metadata: ListMetadata,
}

const ELSEWHERE: &str = "an entry is of another directory, or of none";

impl Client {
    /// `GET /directories`, oldest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn directories(
        &self,
        key: &ApiKey,
        organization: Option<&OrganizationId>,
        after: Option<&DirectoryId>,
        deadline: Deadline,
    ) -> Result<Directories, Error> {
        let mut url = self.listing("directories", after.map(DirectoryId::as_str));
        if let Some(organization) = organization {
            url.query_pairs_mut().append_pair("organization_id", organization.as_str());
        }
        let entry = |data: DirectoryData| {
            let foreign = organization.is_some() && data.organization_id.as_ref() != organization;
            if foreign { Err("a directory is of another organization, or of none") } else { Ok(data.into()) }
        };
        let (directories, next) = self.page("directories", key, url, deadline, entry).await?;
        let next = cursor("directories", next, DirectoryId::parse)?;
        Ok(Directories { directories, next })
    }

    /// `GET /directory_users?directory=` or `?group=`.
    ///
    /// # Errors
    /// As every call.
    pub async fn directory_users(
        &self,
        key: &ApiKey,
        of: UsersOf<'_>,
        after: Option<&DirectoryUserId>,
        deadline: Deadline,
    ) -> Result<DirectoryUsers, Error> {
        let mut url = self.listing("directory_users", after.map(DirectoryUserId::as_str));
        let wanted = match of {
            UsersOf::Directory(directory) => {
                url.query_pairs_mut().append_pair("directory", directory.as_str());
                Some(directory)
            }
            UsersOf::Group(group) => {
                url.query_pairs_mut().append_pair("group", group.as_str());
                None
            }
        };
        let entry = |data: UserData| user(data, wanted);
        let (users, next) = self.page("directory_users", key, url, deadline, entry).await?;
        let next = cursor("directory_users", next, DirectoryUserId::parse)?;
        Ok(DirectoryUsers { users, next })
    }

    /// `GET /directory_users/{id}`. `None` when there is no such person.
    ///
    /// # Errors
    /// As every call.
    pub async fn directory_user(
        &self,
        key: &ApiKey,
        id: &DirectoryUserId,
        deadline: Deadline,
    ) -> Result<Option<DirectoryUserEntry>, Error> {
        let url = self.base.join(&["directory_users", id.as_str()]);
        let accept = |data: UserData| same(data.id == *id, data).and_then(|data| user(data, None));
        match self.transport.call(&read("directory_user", url, key.expose()), deadline, accept).await {
            Ok(entry) => Ok(Some(entry)),
            Err(Error { kind: Kind::Rejected { status: 404, .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /directory_groups?directory=` or `?user=`.
    ///
    /// # Errors
    /// As every call.
    pub async fn directory_groups(
        &self,
        key: &ApiKey,
        of: GroupsOf<'_>,
        after: Option<&DirectoryGroupId>,
        deadline: Deadline,
    ) -> Result<Groups, Error> {
        let mut url = self.listing("directory_groups", after.map(DirectoryGroupId::as_str));
        let wanted = match of {
            GroupsOf::Directory(directory) => {
                url.query_pairs_mut().append_pair("directory", directory.as_str());
                Some(directory)
            }
            GroupsOf::User(user) => {
                url.query_pairs_mut().append_pair("user", user.as_str());
                None
            }
        };
        let entry = |data: GroupData| match data.directory_id.clone() {
            Some(directory) if wanted.is_none_or(|wanted| *wanted == directory) => Ok(GroupEntry {
                directory,
                organization: data.organization_id.clone(),
                record: data.record(),
            }),
            _ => Err(ELSEWHERE),
        };
        let (groups, next) = self.page("directory_groups", key, url, deadline, entry).await?;
        let next = cursor("directory_groups", next, DirectoryGroupId::parse)?;
        Ok(Groups { groups, next })
    }

    fn listing(&self, what: &str, after: Option<&str>) -> Url {
        let mut url = self.base.join(&[what]);
        url.query_pairs_mut()
            .append_pair("limit", PAGE)
            .append_pair("order", "asc")
            .extend_pairs(after.iter().map(|after| ("after", after)));
        url
    }

    async fn page<A: DeserializeOwned, T>(
        &self,
        operation: &'static str,
        key: &ApiKey,
        url: Url,
        deadline: Deadline,
        entry: impl Fn(A) -> Result<T, &'static str>,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        let accept = |answer: Page<A>| {
            let next = answer.list_metadata.after.filter(|_| !answer.data.is_empty());
            Ok((answer.data.into_iter().map(&entry).collect::<Result<Vec<T>, _>>()?, next))
        };
        self.transport.call(&read(operation, url, key.expose()), deadline, accept).await
    }
}

impl From<DirectoryData> for DirectoryEntry {
    fn from(data: DirectoryData) -> Self {
        Self { id: data.id.clone(), organization: data.organization_id.clone(), record: data.record() }
    }
}

fn user(data: UserData, wanted: Option<&DirectoryId>) -> Result<DirectoryUserEntry, &'static str> {
    match data.directory_id.clone() {
        Some(directory) if wanted.is_none_or(|wanted| *wanted == directory) => Ok(DirectoryUserEntry {
            directory,
            organization: data.organization_id.clone(),
            record: data.record(),
        }),
        _ => Err(ELSEWHERE),
    }
}

fn cursor<T, E>(
    operation: &'static str,
    after: Option<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Error> {
    let broken = |_| Error { kind: Kind::Malformed, operation, request_id: None, retry_after: None };
    after.map(|after| parse(&after)).transpose().map_err(broken)
}

#[cfg(test)]
mod tests {
    use domain::directory::{DirectoryState, DirectoryUserState};
    use serde_json::{Value, json};

    use super::*;
    use crate::client::testing::{key, scripted, soon};
    use crate::fake::{ok, status};

    fn directory() -> DirectoryId {
        DirectoryId::parse("directory_1").unwrap()
    }

    fn person(id: &str, directory: Value) -> Value {
        json!({"object": "directory_user", "id": id, "directory_id": directory, "organization_id": "org_acme",
               "idp_id": "00u1", "email": "Ada@ACME.com", "first_name": "Ada", "state": "active",
               "custom_attributes": {"department_name": "R&D"}, "groups": []})
    }

    #[tokio::test]
    async fn directories_speak_the_words_of_the_api() {
        let (fake, client) = scripted([ok(json!({"data": [
            {"id": "directory_1", "organization_id": "org_acme", "name": "Okta", "type": "okta scim v2.0", "state": "linked"},
            {"id": "directory_2", "organization_id": "org_acme", "name": "Old", "type": "x", "state": "deleting"},
        ], "list_metadata": {"after": "directory_2"}}))])
        .await;
        let acme = OrganizationId::parse("org_acme").unwrap();
        let page = client.directories(&key(), Some(&acme), Some(&directory()), soon()).await.unwrap();
        let states: Vec<_> = page.directories.iter().map(|entry| entry.record.state.clone()).collect();
        assert_eq!(states, [DirectoryState::Active, DirectoryState::Deleting]);
        assert_eq!(page.next.unwrap().as_str(), "directory_2");
        let target = &fake.requests()[0].target;
        assert_eq!(target, "/directories?limit=100&order=asc&after=directory_1&organization_id=org_acme");
    }

    #[tokio::test]
    async fn people_are_listed_page_by_page_and_one_by_one() {
        let (fake, client) = scripted([
            ok(json!({"data": [person("directory_user_1", json!("directory_1"))],
                      "list_metadata": {"after": "directory_user_1"}})),
            ok(json!({"data": [], "list_metadata": {"after": null}})),
            ok(person("directory_user_1", json!("directory_1"))),
            status(404, r#"{"message":"Not found"}"#),
        ])
        .await;
        let (key, directory) = (key(), directory());
        let of = UsersOf::Directory(&directory);
        let first = client.directory_users(&key, of, None, soon()).await.unwrap();
        let ada = first.users[0].record.clone();
        assert_eq!(ada.email.unwrap().to_string(), "ada@acme.com");
        assert_eq!((ada.state, ada.custom["department_name"].as_str()), (DirectoryUserState::Active, "R&D"));
        let shown = format!("{:?}", first.users[0]);
        assert!(shown.contains("directory_user_1") && !shown.contains("acme.com"), "{shown}");
        let second = client.directory_users(&key, of, first.next.as_ref(), soon()).await.unwrap();
        assert!(second.users.is_empty() && second.next.is_none());
        let id = DirectoryUserId::parse("directory_user_1").unwrap();
        assert!(client.directory_user(&key, &id, soon()).await.unwrap().is_some());
        assert!(client.directory_user(&key, &id, soon()).await.unwrap().is_none());
        let targets: Vec<String> = fake.requests().into_iter().map(|request| request.target).collect();
        let all = "/directory_users?limit=100&order=asc";
        assert_eq!(
            targets,
            [
                format!("{all}&directory=directory_1"),
                format!("{all}&after=directory_user_1&directory=directory_1"),
                "/directory_users/directory_user_1".to_owned(),
                "/directory_users/directory_user_1".to_owned(),
            ]
        );
    }

    /// R47, R59: a list that is not whole, or is about somebody else, is none: who is not in it would count as gone.
    #[tokio::test]
    async fn a_page_with_one_bad_entry_is_no_page() {
        let bad = [
            json!({"data": [person("directory_user_1", json!("directory_2"))]}),
            json!({"data": [person("directory_user_1", json!(null))]}),
            json!({"data": [person("user_1", json!("directory_1"))]}),
            json!({"list_metadata": {}}),
        ];
        let (_fake, client) = scripted(bad.map(ok)).await;
        let (key, directory) = (key(), directory());
        for _ in 0..4 {
            let of = UsersOf::Directory(&directory);
            assert_eq!(
                client.directory_users(&key, of, None, soon()).await.unwrap_err().kind,
                Kind::Malformed
            );
        }
    }

    #[tokio::test]
    async fn groups_of_a_directory_and_of_a_person() {
        let group = json!({"id": "directory_group_1", "directory_id": "directory_1", "name": "Engineers",
                           "idp_id": "Engineers", "raw_attributes": {"externalId": "00g1"}});
        let (fake, client) = scripted([ok(json!({"data": [group]})), ok(json!({"data": [group]}))]).await;
        let (key, directory) = (key(), directory());
        let page =
            client.directory_groups(&key, GroupsOf::Directory(&directory), None, soon()).await.unwrap();
        assert_eq!(page.groups[0].record.idp_id.as_deref(), Some("00g1"));
        let person = DirectoryUserId::parse("directory_user_1").unwrap();
        client.directory_groups(&key, GroupsOf::User(&person), None, soon()).await.unwrap();
        assert_eq!(fake.requests()[1].target, "/directory_groups?limit=100&order=asc&user=directory_user_1");
    }

    /// R47, R59: a list of groups is whole and of the directory that was asked for, or it is none.
    #[tokio::test]
    async fn a_group_of_another_directory_is_no_answer() {
        let group = |directory: Value| json!({"data": [{"id": "directory_group_1", "directory_id": directory, "name": "E"}]});
        let bad = [group(json!("directory_2")), group(json!(null)), json!({"list_metadata": {}})];
        let (_fake, client) = scripted(bad.map(ok)).await;
        let (key, directory) = (key(), directory());
        for _ in 0..3 {
            let of = GroupsOf::Directory(&directory);
            let refused = client.directory_groups(&key, of, None, soon()).await.unwrap_err();
            assert_eq!(refused.kind, Kind::Malformed);
        }
    }

    /// R63: the answer to too many calls is a bare JSON string there.
    #[tokio::test]
    async fn too_many_calls_say_when_to_come_back() {
        let limited = || status(429, "\"Ratelimited\"").with("retry-after", "60");
        let (_fake, client) = scripted([limited(), limited(), limited()]).await;
        let directory = directory();
        let of = UsersOf::Directory(&directory);
        let error = client.directory_users(&key(), of, None, soon()).await.unwrap_err();
        assert_eq!(error.kind, Kind::RateLimited);
        assert_eq!(error.retry_after.unwrap().as_secs(), 60);
    }
}
