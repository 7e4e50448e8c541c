use sqlx::sqlite::SqlitePoolOptions;

#[tokio::test]
async fn qstash_accepts_each_order_that_was_taken_once_and_in_order() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    let accepted = super::run(pool).await.unwrap();
    assert_eq!(accepted, [r#"{"order":1}"#, r#"{"order":2}"#, r#"{"order":3}"#]);
}
