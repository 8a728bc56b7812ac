//! The query of a paged list: the list's own filters, and the four parameters shared by all lists.
//!
//! Invariant: each parameter is parsed once, into its type; an unknown one is an error that lists the known ones.

use std::fmt;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use super::Params;
use crate::error::ApiError;
use crate::model::invalid::Invalid;
use crate::page::{Listed, Paging, Window};

/// The query of a list of `R` with the filters `F`: the extractor of a handler, and the parameters of its annotation.
pub struct List<R, F = NoFilter> {
    pub filter: F,
    pub paging: Paging,
    rows: PhantomData<fn() -> R>,
}

/// For a list without filters.
#[derive(Deserialize)]
pub struct NoFilter {}

impl<R: Listed> List<R> {
    /// The page of a list without filters; a cursor belongs to `parent`, the resource in the path (`()` without one).
    pub fn window(self, parent: &impl serde::Serialize) -> Result<Window, Invalid> {
        Window::new(R::listing(), self.paging, parent)
    }
}

impl<S: Send + Sync, R, F: DeserializeOwned> FromRequestParts<S> for List<R, F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Params(list) = Params::from_request_parts(parts, state).await?;
        Ok(list)
    }
}

impl<'de, R, F: Deserialize<'de>> Deserialize<'de> for List<R, F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ListVisitor(PhantomData))
    }
}

struct ListVisitor<R, F>(PhantomData<fn() -> (R, F)>);

impl<'de, R, F: Deserialize<'de>> Visitor<'de> for ListVisitor<R, F> {
    type Value = List<R, F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the parameters of a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<List<R, F>, A::Error> {
        let mut paging = Paging::default();
        let filter = F::deserialize(FilterFields { map, paging: &mut paging, names: &[] })?;
        Ok(List { filter, paging, rows: PhantomData })
    }
}

/// Passes the fields of `F` on and reads the others into `paging`.
struct FilterFields<'p, A> {
    map: A,
    paging: &'p mut Paging,
    /// The names of the fields of `F`.
    names: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for FilterFields<'_, A> {
    type Error = A::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(FilterFields { names, ..self })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for FilterFields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.map.next_key::<String>()? {
            match name.as_str() {
                "sort" => self.paging.sort = self.map.next_value()?,
                "limit" => self.paging.limit = self.map.next_value()?,
                "offset" => self.paging.offset = self.map.next_value()?,
                "cursor" => self.paging.cursor = self.map.next_value()?,
                name if self.names.contains(&name) => {
                    return seed.deserialize(name.into_deserializer()).map(Some);
                }
                name => return Err(unknown(name, self.names)),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// In serde's format, which all extractors parse.
fn unknown<E: Error>(name: &str, filters: &[&str]) -> E {
    let known = filters.iter().chain(&["sort", "limit", "offset", "cursor"]);
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    E::custom(format_args!("unknown field `{name}`, expected one of {}", known.join(", ")))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)] // for the document alone
struct PageParams {
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<i64>,
    /// The number of entries to skip; cannot be combined with `cursor`.
    #[param(minimum = 0, maximum = 1000000000, default = 0)]
    offset: Option<i64>,
    /// The `next_cursor` of the previous page; sort and filters must be the same.
    cursor: Option<String>,
}

impl IntoParams for NoFilter {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Vec::new()
    }
}

impl<R: Listed, F: IntoParams> IntoParams for List<R, F> {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let sort = ParameterBuilder::new()
            .name("sort")
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(R::listing().sort_description()))
            .schema(Some(R::listing().sort_schema()))
            .build();
        let filters = F::into_params(&place);
        filters.into_iter().chain([sort]).chain(PageParams::into_params(&place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        shop_id: Option<String>,
        in_stock: Option<bool>,
    }

    async fn list<F: DeserializeOwned>(query: &str) -> Result<List<(), F>, ApiError> {
        let request = axum::http::Request::builder().uri(format!("/?{query}")).body(());
        let (mut parts, ()) = request.expect("a request").into_parts();
        List::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn filters_and_the_page_are_read_in_any_order() {
        let list =
            list::<Filter>("limit=7&in_stock=true&sort=-name&shop_id=a%20b&offset=3&cursor=x");
        let list = list.await.expect("a list");
        assert_eq!(list.filter, Filter { shop_id: Some("a b".into()), in_stock: Some(true) });
        assert_eq!((list.paging.limit, list.paging.offset), (Some(7), Some(3)));
        assert_eq!(list.paging.sort.as_deref(), Some("-name"));
        assert_eq!(list.paging.cursor.as_deref(), Some("x"));
        let empty = self::list::<Filter>("").await.expect("a list");
        assert_eq!(empty.filter, Filter { shop_id: None, in_stock: None });
        assert_eq!(empty.paging.limit, None);
    }

    /// (the field, the message)
    async fn error<F: DeserializeOwned>(query: &str) -> (String, String) {
        let error = list::<F>(query).await.err().expect("an error");
        (error.details["field"].as_str().unwrap_or_default().to_owned(), error.message)
    }

    #[tokio::test]
    async fn errors_name_the_parameter() {
        let (field, message) = error::<Filter>("shop_id=a&color=red").await;
        assert_eq!(field, "color");
        assert_eq!(
            message,
            "color is not a known field; expected one of shop_id, in_stock, sort, limit, offset, cursor"
        );
        let (_, message) = error::<NoFilter>("shop_id=a").await;
        assert_eq!(
            message,
            "shop_id is not a known field; expected one of sort, limit, offset, cursor"
        );
        for (query, field) in
            [("limit=x", "limit"), ("offset=1.5&limit=1", "offset"), ("in_stock=maybe", "in_stock")]
        {
            let (found, message) = error::<Filter>(query).await;
            assert_eq!(found, field, "{query}: {message}");
        }
        assert_eq!(error::<NoFilter>("limit=1&limit=2").await.1, "limit is given twice");
    }
}
