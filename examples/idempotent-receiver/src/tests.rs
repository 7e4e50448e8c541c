use sqlx::sqlite::SqlitePoolOptions;

#[tokio::test]
async fn ten_duplicates_and_a_crash_are_one_charge() {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
    assert_eq!(super::run(pool).await.unwrap(), "charges in the database: 1, of 4200 cents in all");
}
