//! The items in the table, as a test looks at them and TTL deletes them.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};

use super::service::Service;

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(super) async fn create_table(dynamodb: &Client, name: &str) {
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S);
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key.build().expect("a key"))
        .attribute_definitions(attribute.build().expect("an attribute"))
        .send()
        .await
        .expect("a table");
}

impl Service {
    pub(crate) async fn items(&self) -> Vec<Item> {
        let scan = self.dynamodb.scan().table_name(self.table_name()).send().await;
        scan.expect("a scan").items.unwrap_or_default()
    }

    /// The only item of a kind, which is how its key begins.
    pub(crate) async fn item(&self, kind: &str) -> Item {
        let items = self.items().await.into_iter();
        let mut items = items.filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with(kind)));
        let item = items.next().expect("an item of that kind");
        assert!(items.next().is_none(), "more than one item of that kind");
        item
    }

    /// The number in an attribute of the only item of a kind, or the sum over all attributes that begin so, such as `n_`.
    pub(crate) async fn count(&self, kind: &str, attribute: &str) -> i64 {
        let item = self.item(kind).await.into_iter();
        let counts =
            item.filter(|(name, _)| name == attribute || attribute.ends_with('_') && name.starts_with(attribute));
        counts
            .map(|(_, value)| value.as_n().expect("a number").parse::<i64>().expect("a number"))
            .sum()
    }

    /// Deletes the items of a kind, as TTL does some time after their end.
    pub(crate) async fn expire(&self, kind: &str) {
        for item in self.items().await {
            let pk = item["pk"].clone();
            if pk.as_s().is_ok_and(|pk| pk.starts_with(kind)) {
                let delete = self.dynamodb.delete_item().table_name(self.table_name());
                delete.key("pk", pk).send().await.expect("a deletion");
            }
        }
    }
}
