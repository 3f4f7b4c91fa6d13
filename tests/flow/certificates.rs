//! `spn` with a certificate: every kind of file signs in at an Entra ID that verifies everything.

use crate::support::entra::{CLIENT, SERVER, TENANT};
use crate::support::kubelogin::Output;
use crate::support::openssl::{Identity, Registration, decode, is_there, try_openssl};
use crate::support::{Entra, Kubelogin, TempDir};
use kubelogin::keys::ClientCertificate;
use kubelogin::secret::Secret;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use std::path::Path;

/// An Entra ID that knows this identity's certificate.
fn entra_of(identity: &Identity) -> Entra {
    let entra = Entra::start();
    entra.state().certificates.push(identity.registration());
    entra
}

#[track_caller]
fn signs_in(entra: &Entra, file: &Path, password: &str) -> Output {
    let run = entra.with_certificate(file).env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password).run();
    assert!(entra.knows(&run.token(), SERVER), "{}", file.display());
    run
}

#[track_caller]
fn fails(entra: &Entra, file: &Path, password: &str, why: &str) {
    let run = entra.with_certificate(file).env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password).run();
    let stderr = run.fails_with(why);
    assert!(stderr.contains("cannot use the client certificate"), "{stderr}");
    assert!(entra.requests().is_empty());
}

#[test]
fn pfx_files_of_every_writer_sign_in() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    let windows_3des =
        ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-iter", "2000"];
    let windows_aes =
        ["-certpbe", "AES-256-CBC", "-keypbe", "AES-256-CBC", "-macalg", "sha256", "-iter", "2000"];
    let with = |cipher: &'static str| vec!["-legacy", "-certpbe", cipher, "-keypbe", cipher];
    let writers: &[(&str, Vec<&str>)] = &[
        ("openssl-3", vec![]),
        ("openssl-1.1", vec!["-legacy"]),
        ("windows-3des", windows_3des.to_vec()),
        ("windows-aes", windows_aes.to_vec()),
        ("java", vec!["-iter", "10000", "-name", "alias"]),
        ("aes-128", with("AES-128-CBC")),
        ("aes-192", with("AES-192-CBC")),
        ("pbes2-3des", with("DES-EDE3-CBC")),
        ("two-key-3des", with("PBE-SHA1-2DES")),
        ("rc2-40", with("PBE-SHA1-RC2-40")),
        ("rc2-128", with("PBE-SHA1-RC2-128")),
        ("sha384", vec!["-macalg", "sha384"]),
        ("sha512", vec!["-macalg", "sha512"]),
        ("no-mac", vec!["-nomac"]),
        ("plain", vec!["-certpbe", "NONE", "-keypbe", "NONE"]),
        ("plain-certificate", vec!["-certpbe", "NONE"]),
        ("one-round", vec!["-iter", "1", "-nomaciter"]),
        ("many-rounds", vec!["-iter", "600000"]),
        ("friendly-name", vec!["-name", "Ärger & Söhne", "-CSP", "Microsoft Enhanced Provider"]),
    ];
    for (name, args) in writers {
        let pfx = identity.pfx(name, b"p w'd\"$", args);
        signs_in(&entra, &pfx, "p w'd\"$");
    }
    let base64 = identity.openssl(&["base64", "-in", "openssl-3"]);
    signs_in(&entra, &identity.file("key-vault", base64), "p w'd\"$");
}

#[test]
fn passwords_of_every_kind_open_a_pfx() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    for scheme in [&[][..], &["-legacy"]] {
        for (said, written) in [
            ("", ""),
            ("päß", "päß"),
            ("日本語", "日本語"),
            ("𝄞 outside the BMP", "𝄞 outside the BMP"),
            (" spaces ", " spaces "),
        ] {
            let pfx = identity.pfx("x.pfx", written.as_bytes(), scheme);
            signs_in(&entra, &pfx, said);
        }
    }
    // What OpenSSL before 1.1 made of the UTF-8 of "pä".
    let pfx = identity.pfx("x.pfx", "pÃ¤".as_bytes(), &["-legacy"]);
    signs_in(&entra, &pfx, "pä");
    // No password at all; then what OpenSSL before 1.1 wrote with AES: the key of UTF-8, the code's of bytes.
    let entra = Entra::start();
    entra.state().certificates.push(Registration::of(include_bytes!("../data/absent-password.pem")));
    let folder = TempDir::new();
    for (name, kept, password) in [
        ("absent", &include_bytes!("../data/absent-password.pfx")[..], ""),
        ("absent-aes", include_bytes!("../data/absent-password-aes.pfx"), ""),
        ("bytewise-mac", include_bytes!("../data/bytewise-mac.pfx"), "pä"),
    ] {
        signs_in(&entra, &folder.file(name, kept), password);
    }
}

#[test]
fn pem_files_of_every_form_sign_in() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    let (key, certificate) = (identity.read("key.pem"), identity.read("cert.pem"));
    let pkcs1 = identity.openssl(&["rsa", "-in", "key.pem", "-traditional"]);
    assert!(pkcs1.starts_with(b"-----BEGIN RSA PRIVATE KEY"));
    let crlf = |pem: &[u8]| String::from_utf8(pem.to_vec()).unwrap().replace('\n', "\r\n").into_bytes();
    let text = identity.openssl(&["x509", "-in", "cert.pem", "-text"]);
    for (name, content) in [
        ("az", [&key[..], &certificate].concat()),
        ("certificate-first", [&certificate[..], &key].concat()),
        ("pkcs1", [&pkcs1[..], &certificate].concat()),
        ("crlf", crlf(&[&certificate[..], &key].concat())),
        ("text-around", [b"Bag Attributes\n    localKeyID: 01\n", &key[..], b"\n\n# and\n", &text].concat()),
        ("byte-order-mark", [b"\xef\xbb\xbf", &key[..], &certificate].concat()),
        (
            "parameters",
            [b"-----BEGIN DH PARAMETERS-----\nAQID\n-----END DH PARAMETERS-----\n", &key[..], &certificate]
                .concat(),
        ),
    ] {
        signs_in(&entra, &identity.file(name, content), "");
    }
    for scheme in [
        &["-v2", "aes-256-cbc"][..],
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
        &["-v2", "des3"],
        &["-v1", "PBE-SHA1-3DES"],
        &["-v1", "PBE-SHA1-RC2-40", "-provider", "legacy", "-provider", "default"],
    ] {
        let encrypted = identity
            .openssl(&[&["pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:ö"], scheme].concat());
        let file = identity.file("encrypted.pem", [&certificate[..], &encrypted].concat());
        signs_in(&entra, &file, "ö");
        fails_quietly(&file, "x", "the password is wrong");
        fails_quietly(&file, "", "protected by a password");
    }
}

/// A failure before anything is sent, whatever else the file's Entra ID has seen.
#[track_caller]
fn fails_quietly(file: &Path, password: &str, why: &str) {
    let run = Kubelogin::new(&["get-token", "-lspn", "--server-id=s", "--client-id=c", "--tenant-id=t"])
        .arg("--client-certificate")
        .arg(file)
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password)
        .run();
    run.fails_with(why);
}

#[test]
fn keys_of_every_size_and_kind_sign_in() {
    if !is_there() {
        return;
    }
    let exponent_3 =
        ["-newkey", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"];
    for identity in [
        Identity::new(&["-newkey", "rsa:3072"]),
        Identity::new(&["-newkey", "rsa:4096"]),
        Identity::new(&exponent_3),
        Identity::of_key(include_bytes!("../data/rsa-8192.pem")),
        Identity::p256(),
    ] {
        let entra = entra_of(&identity);
        signs_in(&entra, &identity.pem(), "");
        signs_in(&entra, &identity.pfx("x.pfx", b"x", &[]), "x");
    }
    let identity = Identity::p256();
    let entra = entra_of(&identity);
    let sec1 = identity.openssl(&["ec", "-in", "key.pem"]);
    assert!(sec1.starts_with(b"-----BEGIN EC PRIVATE KEY"));
    let with_parameters =
        [&identity.openssl(&["ecparam", "-name", "prime256v1"])[..], &sec1, &identity.read("cert.pem")];
    signs_in(&entra, &identity.file("sec1.pem", with_parameters.concat()), "");
}

#[test]
fn v1_and_ad_fs_get_rs256_and_refuse_an_ec_key() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    let file = identity.pem();
    let legacy = entra.with_certificate(&file).arg("--legacy").run();
    assert!(entra.knows(&legacy.token(), &format!("spn:{SERVER}")));
    let adfs = format!("{}adfs/", entra.url());
    let run = entra.with_certificate(&file).args(&["--authority-host", &adfs]).run();
    assert!(entra.knows(&run.token(), SERVER));
    assert!(entra.requests()[1].target.starts_with("/adfs/oauth2/token"));
    let ec = Identity::p256();
    let entra = entra_of(&ec);
    entra
        .with_certificate(&ec.pem())
        .arg("--legacy")
        .run()
        .fails_with("its key is on P-256, and --legacy takes RSA only");
    let run =
        entra.with_certificate(&ec.pem()).args(&["--authority-host", &format!("{}adfs/", entra.url())]).run();
    run.fails_with("its key is on P-256, and AD FS takes RSA only");
}

/// Two strangers' keys, and between them one with its certificate.
#[test]
fn of_several_keys_in_a_pfx_the_one_with_a_certificate_signs() {
    if !is_there() {
        return;
    }
    let entra = Entra::start();
    entra.state().certificates.push(Registration::of(include_bytes!("../data/absent-password.pem")));
    let folder = TempDir::new();
    signs_in(&entra, &folder.file("x.pfx", include_bytes!("../data/several-keys.pfx")), "x");
}

/// A root, an intermediate and a leaf; and a stranger's key and certificate in the same file.
#[test]
fn the_chain_goes_along_and_strangers_do_not() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let openssl = |args: &str| identity.openssl(&args.split(' ').collect::<Vec<_>>());
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -days 30 -subj /CN=root");
    openssl("req -newkey rsa:2048 -nodes -keyout middle.key -out middle.csr -subj /CN=middle");
    openssl("x509 -req -in middle.csr -CA root.pem -CAkey root.key -CAcreateserial -out middle.pem -days 30");
    openssl("req -new -key key.pem -out leaf.csr -subj /CN=leaf");
    openssl("x509 -req -in leaf.csr -CA middle.pem -CAkey middle.key -CAcreateserial -out cert.pem -days 30");
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 30 -subj /CN=other");
    let entra = Entra::start();
    let chain = ["middle.pem", "root.pem"].map(|name| decode(&identity.read(name))).to_vec();
    entra.state().certificates.push(Registration { chain, ..identity.registration() });
    let files =
        ["root.pem", "other.pem", "key.pem", "middle.pem", "cert.pem"].map(|name| identity.read(name));
    signs_in(&entra, &identity.file("all.pem", files.concat()), "");
    identity.file(
        "above.pem",
        [identity.read("root.pem"), identity.read("middle.pem"), identity.read("other.pem")].concat(),
    );
    let pfx = identity.pfx("all.pfx", b"", &["-certfile", "above.pem"]);
    signs_in(&entra, &pfx, "");
    // A key without a certificate of its own does not stand in the way, nor does one of another kind.
    let ed25519 = identity.openssl(&["genpkey", "-algorithm", "ed25519"]);
    let stray = identity.openssl(&["genpkey", "-algorithm", "RSA"]);
    let keys = [stray, ed25519, files.concat()].concat();
    signs_in(&entra, &identity.file("keys.pem", keys), "");
}

#[test]
fn files_without_what_is_needed_are_told_apart() {
    if !is_there() {
        return;
    }
    let (identity, other) = (Identity::rsa(), Identity::rsa());
    let entra = entra_of(&identity);
    let (key, certificate) = (identity.read("key.pem"), identity.read("cert.pem"));
    let pem = |name: &str, parts: &[&[u8]]| identity.file(name, parts.concat());
    fails(&entra, &pem("1", &[&certificate]), "", "there is no private key in it");
    fails(&entra, &pem("2", &[&key]), "", "there is no certificate in it");
    fails(
        &entra,
        &pem("3", &[&key, &other.read("cert.pem")]),
        "",
        "its private key belongs to none of its certificates",
    );
    fails(&entra, &pem("4", &[&decode(&certificate)]), "", "there is no private key in it");
    fails(&entra, &pem("5", &[b""]), "", "it is neither PFX (PKCS#12) nor PEM");
    fails(&entra, &pem("6", &[&[0xff; 3000]]), "", "it is neither PFX (PKCS#12) nor PEM");
    fails(&entra, &pem("7", &[b"<html>"]), "", "it is neither PFX (PKCS#12) nor PEM");
    fails(&entra, &pem("8", &[&key[..key.len() / 2]]), "", "it is damaged (a PEM block has no end)");
    fails(&entra, &pem("9", &[&vec![b'x'; 50 << 20]]), "", "is larger than 1048576 bytes");
    fails(&entra, Path::new("/nonexistent.pfx"), "", "No such file or directory");
    fails(&entra, std::env::temp_dir().as_path(), "", "is a folder");
    let pfx = identity.pfx("x.pfx", b"right", &[]);
    fails(&entra, &pfx, "wrong", "the password is wrong");
    fails(&entra, &pfx, "", "it is protected by a password and none is given");
    let without = |name: &str, what: &str| identity.pfx(name, b"right", &[what]);
    fails(&entra, &without("k.pfx", "-nokeys"), "right", "there is no private key in it");
    fails(&entra, &without("c.pfx", "-nocerts"), "right", "there is no certificate in it");
    let legacy = identity.pfx("l.pfx", b"right", &["-legacy"]);
    fails(&entra, &legacy, "wrong", "the password is wrong");
    let whole = identity.read("x.pfx");
    for end in [20, whole.len() / 2, whole.len() - 1] {
        fails(&entra, &pem("10", &[&whole[..end]]), "right", "it is damaged (its PKCS#12 structure)");
    }
    // The digest of the integrity code is the last but a salt and a number.
    let mut flipped = whole.clone();
    flipped[whole.len() - 30] ^= 1;
    fails(&entra, &pem("11", &[&flipped]), "right", "it is damaged (its integrity code does not fit)");
}

#[test]
fn what_is_not_supported_is_named() {
    if !is_there() {
        return;
    }
    let entra = Entra::start();
    for (args, name) in [
        (&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"][..], "an EC key on P-384"),
        (&["-newkey", "ed25519"], "an Ed25519 key"),
        (&["-newkey", "rsa:1024"], "an RSA key of 1024 bits"),
        (
            &["-newkey", "rsa", "-pkeyopt", "rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_primes:3"],
            "an RSA key of more than two primes",
        ),
    ] {
        let identity = Identity::new(args);
        fails(&entra, &identity.pem(), "", &format!("{name} is not supported"));
    }
    let identity = Identity::rsa();
    let rc4 = ["-legacy", "-certpbe", "PBE-SHA1-RC4-128", "-keypbe", "PBE-SHA1-RC4-40"];
    fails(&entra, &identity.pfx("x.pfx", b"x", &rc4), "x", "RC4 with 128 bits) is not supported");
    let md5 = identity.pfx("x.pfx", b"x", &["-macalg", "md5"]);
    fails(&entra, &md5, "x", "(MD5) is not supported");
    let certificate = identity.read("cert.pem");
    for (args, name) in [
        (
            &["rsa", "-in", "key.pem", "-traditional", "-aes128", "-passout", "pass:x"][..],
            "OpenSSL's old encryption of PEM keys",
        ),
        (
            &["pkcs8", "-topk8", "-in", "key.pem", "-scrypt", "-passout", "pass:x"],
            "(scrypt) is not supported",
        ),
        (
            &[
                "pkcs8",
                "-topk8",
                "-in",
                "key.pem",
                "-v1",
                "PBE-MD5-DES",
                "-passout",
                "pass:x",
                "-provider",
                "legacy",
                "-provider",
                "default",
            ],
            "(MD5 with DES) is not supported",
        ),
    ] {
        let key = identity.openssl(args);
        fails(&entra, &identity.file("x.pem", [&key[..], &certificate].concat()), "x", name);
    }
}

#[test]
fn the_service_refuses_another_certificate_and_says_which_it_was() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&Identity::rsa());
    let run = entra.with_certificate(&identity.pem()).run();
    run.fails_with("AADSTS700027");
    let colons = |args: &[&str]| {
        let line = String::from_utf8(identity.openssl(args)).unwrap();
        line.trim().rsplit('=').next().unwrap().replace(':', "")
    };
    let sha1 = colons(&["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha1"]);
    let sha256 = colons(&["x509", "-in", "cert.pem", "-noout", "-fingerprint", "-sha256"]);
    run.hints(&format!("SHA-1 thumbprint {sha1}, SHA-256 thumbprint {sha256}, valid until 20"));
}

#[test]
fn an_expired_certificate_and_a_readable_key_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    identity.openssl(&["req", "-new", "-key", "key.pem", "-subj", "/CN=app", "-out", "app.csr"]);
    // `openssl ca` is the only one that can date back.
    identity.file("index", "");
    identity.file("ca.conf", "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n");
    identity.file("serial", "01");
    let mut dated = Vec::new();
    for (from, to, problem) in [
        ("20200101000000Z", "20200201000000Z", "expired on 2020-02-01T00:00:00Z"),
        ("20600101000000Z", "20600201000000Z", "is not valid before 2060-01-01T00:00:00Z"),
    ] {
        let dates = ["-startdate", from, "-enddate", to];
        let ca = [
            "ca",
            "-batch",
            "-config",
            "ca.conf",
            "-selfsign",
            "-keyfile",
            "key.pem",
            "-in",
            "app.csr",
            "-out",
            "dated.pem",
            "-notext",
        ];
        identity.openssl(&[&ca[..], &dates].concat());
        let file = identity.file("x.pem", [identity.read("key.pem"), identity.read("dated.pem")].concat());
        let entra = Entra::start();
        entra.state().certificates.push(identity.registration());
        let run = entra.with_certificate(&file).run();
        assert!(
            run.fails_with("AADSTS700027")
                .contains(&format!("Warning: the client certificate {} {problem}", file.display()))
        );
        let _ = std::fs::write(identity.path("index"), "");
        dated.extend(identity.read("dated.pem"));
    }
    // Of one key's certificates the one counts that is valid now.
    let entra = entra_of(&identity);
    let file = identity.file("x.pem", [identity.read("key.pem"), dated, identity.read("cert.pem")].concat());
    assert_eq!(signs_in(&entra, &file, "").stderr, "");
    for mode in [0o644, 0o640, 0o604] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let run = signs_in(&entra, &file, "");
        assert_eq!(run.stderr, format!("Warning: other users of this machine can read {}\n", file.display()));
    }
}

#[test]
fn the_certificate_counts_where_a_secret_is_given_too_and_the_environment_names_it() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    let file = identity.pfx("x.pfx", b"pw", &[]);
    entra
        .spn()
        .arg("--client-certificate")
        .arg(&file)
        .args(&["--client-certificate-password", "pw"])
        .run()
        .token();
    for names in [
        ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD"],
        ["AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE", "AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD"],
    ] {
        entra.spn().env(names[0], &file).env(names[1], "pw").run().token();
    }
    let arm = ["ARM_CLIENT_CERTIFICATE_PATH", "ARM_CLIENT_CERTIFICATE_PASSWORD"];
    let run = entra.get_token("spn").arg("--use-azurerm-env-vars").env(arm[0], &file).env(arm[1], "pw");
    run.env("ARM_CLIENT_ID", CLIENT).env("ARM_TENANT_ID", TENANT).run().token();
    for request in entra.requests() {
        let form = request.form();
        assert!(form.iter().any(|(name, _)| name == "client_assertion"));
        assert!(!form.iter().any(|(name, _)| name == "client_secret"));
    }
}

#[test]
fn a_cached_token_of_another_certificate_is_not_used() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    let entra = entra_of(&identity);
    let cache = TempDir::new();
    let run = |file: &Path| {
        let cache = format!("--cache-dir={}", cache.path().display());
        entra.with_certificate(file).args(&["--token-cache=all", &cache]).run().token()
    };
    let first = run(&identity.pem());
    assert_eq!(run(&identity.pem()), first);
    assert_ne!(run(&identity.pfx("x.pfx", b"", &[])), first);
}

/// Reads at a moment when nothing has expired.
fn read(bytes: &[u8], password: &str) -> Result<ClientCertificate, String> {
    ClientCertificate::read(bytes, &Secret::from(password), crate::support::entra::now())
        .map_err(|e| e.message().to_owned())
}

#[test]
fn no_damage_panics_or_opens_another_key() {
    if !is_there() {
        return;
    }
    let (ec, rsa) = (Identity::p256(), Identity::rsa());
    let pfx = |identity: &Identity, more: &[&str]| {
        let quick = ["-iter", "1", "-nomaciter"];
        std::fs::read(identity.pfx("x", b"x", &[&quick[..], more].concat())).unwrap()
    };
    let pem = |identity: &Identity, args: &[&str]| {
        [identity.openssl(&[args, &["-in", "key.pem"]].concat()), identity.read("cert.pem")].concat()
    };
    let encrypted = ["pkcs8", "-topk8", "-iter", "1", "-passout", "pass:x"];
    // RSA's take longer to read: of them every seventh byte.
    for (step, identity, file) in [
        (1, &ec, pfx(&ec, &[])),
        (1, &ec, pfx(&ec, &["-legacy"])),
        (1, &ec, pfx(&ec, &["-nomac"])),
        (1, &ec, std::fs::read(ec.pem()).unwrap()),
        (1, &ec, pem(&ec, &["ec"])),
        (1, &ec, pem(&ec, &encrypted)),
        (7, &rsa, pfx(&rsa, &["-nomac"])),
        (7, &rsa, pem(&rsa, &["rsa", "-traditional"])),
        (7, &rsa, pem(&rsa, &encrypted)),
    ] {
        let right = decode(&identity.read("cert.pem"));
        assert!(signs_for_its_certificate(&read(&file, "x").unwrap()));
        for end in (0..file.len()).step_by(step) {
            if let Ok(opened) = read(&file[..end], "x") {
                assert_eq!(opened.certificate.der, right, "{end}");
            }
        }
        for at in (0..file.len()).step_by(step) {
            for bit in [1, 0x80] {
                let mut flipped = file.clone();
                flipped[at] ^= bit;
                if let Ok(opened) = read(&flipped, "x") {
                    assert!(signs_for_its_certificate(&opened), "{at}, {bit}");
                }
            }
        }
    }
}

/// Whether the key in the certificate verifies what is signed; so it does where nothing can be signed.
fn signs_for_its_certificate(opened: &ClientCertificate) -> bool {
    let algorithm = opened.algorithm(false).unwrap();
    let verification: &dyn VerificationAlgorithm = match algorithm.name() {
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        _ => &ECDSA_P256_SHA256_FIXED,
    };
    let mut fields = element(element(&opened.certificate.der).1).1;
    // Of version, serial number, algorithm, issuer, validity and subject the first may be left out.
    for _ in 0..if fields[0] == 0xa0 { 6 } else { 5 } {
        fields = element(fields).2;
    }
    let key = element(element(element(fields).1).2).1;
    let Ok(signature) = opened.sign(algorithm, b"message") else { return true };
    UnparsedPublicKey::new(verification, &key[1..]).verify(b"message", &signature).is_ok()
}

/// RFC 9579 appendix A: three files that are right, and what is wrong with three that are made of the first.
#[test]
fn the_integrity_codes_of_rfc_9579() {
    let files = [
        &include_bytes!("../data/rfc9579-a1.pfx")[..],
        include_bytes!("../data/rfc9579-a2.pfx"),
        include_bytes!("../data/rfc9579-a3.pfx"),
    ];
    for file in files {
        assert!(signs_for_its_certificate(&read(file, "1234").unwrap()));
        assert_eq!(read(file, "1235").err().unwrap(), "the password is wrong");
    }
    // The code's salt, number of rounds and length of its key stand in a row.
    let code = [&[4, 8][..], b"oG<8\xb0.1s", &[2, 2, 8, 0, 2, 1, 32]].concat();
    let at = files[0].windows(code.len()).position(|window| window == code).unwrap();
    let with = |offset: usize, byte: u8| {
        let mut file = files[0].to_vec();
        file[at + offset] = byte;
        read(&file, "1234").err().unwrap()
    };
    assert_eq!(with(13, 1), "it is damaged (its integrity code does not fit)", "rounds");
    assert_eq!(with(2, 0), "it is damaged (its integrity code does not fit)", "salt");
    assert_eq!(with(16, 19), "it is damaged (an algorithm's parameters)", "a short key");
    let without = read(&with_number(files[0], &[32], &[]), "1234").err().unwrap();
    assert_eq!(without, "it is damaged (an algorithm's parameters)", "no length");
}

/// BER as NSS writes it: indefinite lengths, and long strings in pieces.
fn indefinite(der: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (tag, content, after) = element(rest);
        if tag & 0x20 != 0 {
            out.extend([tag, 0x80]);
            out.extend(indefinite(content));
            out.extend([0, 0]);
        } else if tag == 4 && content.len() > 60 {
            out.extend([0x24, 0x80]);
            for piece in content.chunks(100) {
                out.extend(encoded(4, piece));
            }
            out.extend([0, 0]);
        } else {
            out.extend(encoded(tag, content));
        }
        rest = after;
    }
    out
}

/// The same elements with every number `from` made `to` (or left out if that is empty), also inside of
/// strings that hold elements.
fn with_number(der: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (tag, content, after) = element(rest);
        let holds_elements = tag & 0x20 != 0 || tag == 4 && content.len() > 100 && content[0] == 0x30;
        match () {
            () if tag == 2 && content == from && to.is_empty() => {}
            () if tag == 2 && content == from => out.extend(encoded(2, to)),
            () if holds_elements => out.extend(encoded(tag, &with_number(content, from, to))),
            () => out.extend(encoded(tag, content)),
        }
        rest = after;
    }
    out
}

fn element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, header) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let digits = usize::from(long & 0x7f);
            (der[2..2 + digits].iter().fold(0, |n, d| n << 8 | usize::from(*d)), 2 + digits)
        }
    };
    (der[0], &der[header..header + length], &der[header + length..])
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u16::try_from(content.len()).unwrap() {
        short @ 0..0x80 => out.push(short as u8),
        long => out.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    out.extend(content);
    out
}

#[test]
fn indefinite_lengths_are_read() {
    if !is_there() {
        return;
    }
    let identity = Identity::rsa();
    for args in [&[][..], &["-legacy"], &["-certpbe", "NONE", "-keypbe", "NONE"]] {
        let der = std::fs::read(identity.pfx("x.pfx", b"x", args)).unwrap();
        read(&indefinite(&der), "x").unwrap();
    }
}

#[test]
fn rounds_without_end_are_refused_with_their_number() {
    if !is_there() {
        return;
    }
    let identity = Identity::p256();
    for args in [&["-iter", "300"][..], &["-iter", "300", "-nomac"], &["-iter", "300", "-legacy"]] {
        let der = std::fs::read(identity.pfx("x.pfx", b"x", args)).unwrap();
        let endless = with_number(&der, &[1, 44], &[0, 0x80, 0, 0, 0]);
        let why = read(&endless, "x").err().unwrap();
        assert_eq!(why, "it asks for 2147483648 rounds of key derivation; more than 10000000 are refused");
        fails_quietly(&identity.file("endless.pfx", endless), "x", &why);
    }
    let key = identity.openssl(&[
        "pkcs8", "-topk8", "-in", "key.pem", "-outform", "DER", "-iter", "300", "-passout", "pass:x",
    ]);
    let folder = TempDir::new();
    folder.file("x.der", with_number(&key, &[1, 44], &[0, 0x80, 0, 0, 0]));
    let base64 = String::from_utf8(try_openssl(folder.path(), &["base64", "-in", "x.der"]).unwrap()).unwrap();
    let pem = format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{base64}-----END ENCRYPTED PRIVATE KEY-----\n");
    let why = read(&[pem.as_bytes(), &identity.read("cert.pem")].concat(), "x").err().unwrap();
    assert!(why.starts_with("it asks for 2147483648 rounds"), "{why}");
}
