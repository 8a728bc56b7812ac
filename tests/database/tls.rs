//! TLS to PostgreSQL, with certificates of our own: encrypted where it is asked for, and checked as `sslmode` says.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use repairops::db::{Db, Schema};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::expect_work;
use crate::support::{TestApp, json, on_one_database, postgres};

on_one_database!(postgres Postgres: each_sslmode_does_what_it_says);

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

async fn each_sslmode_does_what_it_says(_: &TestApp) {
    let (authority, other) = (authority("Ours"), authority("Another"));
    let key = KeyPair::generate().expect("a key");
    // Not for 127.0.0.1.
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("a certificate is written");
        path.display().to_string()
    };
    let (trusted, untrusted) = (write("ca.pem", authority.pem()), write("other.pem", other.pem()));
    let server = postgres::start_with(
        &[
            "ssl=on",
            "ssl_cert_file=FOLDER/server.pem",
            "ssl_key_file=FOLDER/server.key",
            "hba_file=FOLDER/hba",
        ],
        &[
            ("server.pem", &certificate.pem()),
            ("server.key", &key.serialize_pem()),
            ("hba", "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n"),
        ],
    )
    .expect("a server with TLS");
    let url =
        |host: &str, options: &str| format!("{}?{options}", server.url.replace("127.0.0.1", host));
    let with_ca = |mode: &str, file: &str| format!("sslmode={mode}&sslrootcert={file}");

    let db = Db::open(&url("127.0.0.1", "sslmode=require")).await.expect("a connection");
    db.prepare(Schema::Migrate).await.expect("a schema");
    db.close().await;
    for (host, options) in [
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", with_ca("verify-ca", &trusted)),
        ("localhost", with_ca("verify-full", &trusted)),
    ] {
        let url = url(host, &options);
        let mut connection = PgConnection::connect(&url).await.expect("a connection");
        let is_encrypted: bool =
            sqlx::query_scalar("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
                .fetch_one(&mut connection)
                .await
                .expect("a session");
        assert!(is_encrypted, "{options}");
        connection.close().await.expect("an end");
        Db::open(&url).await.expect("a connection").close().await;
    }
    for (host, options, reason) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), "no encryption"),
        ("127.0.0.1", with_ca("verify-full", &trusted), "not valid for name"),
        ("localhost", with_ca("verify-full", &untrusted), "UnknownIssuer"),
        ("127.0.0.1", with_ca("verify-ca", &untrusted), "UnknownIssuer"),
        ("localhost", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
        ("localhost", with_ca("verify-full", "/nonexistent/ca.pem"), "/nonexistent/ca.pem"),
    ] {
        let error = Db::open(&url(host, &options)).await.err().expect("a refusal");
        let error = format!("{error:#}");
        assert!(error.contains(reason), "{host} {options}: {error}");
    }

    // A whole node, through verify-full.
    let app = TestApp::start_at(&url("localhost", &with_ca("verify-full", &trusted))).await;
    app.install("qc-gate", json!({})).await;
    expect_work(&app, &app.shop).await;
    app.finish().await;
}
