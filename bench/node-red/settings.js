// Node-RED as the benchmark runs it: no editor, and a store that commits to the disk as the bridge's does.
const { DATABASE, PORT } = process.env;
const TABLE = (bytes) =>
    `CREATE TABLE orders (woo_order_id BIGINT PRIMARY KEY, state TEXT NOT NULL, body ${bytes} NOT NULL, answer TEXT)`;

// One file. Its statements run on the event loop, as Node's own module for SQLite has them run.
function sqlite(path) {
    const { DatabaseSync } = require("node:sqlite");
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    db.exec(TABLE("BLOB"));
    const insert = db.prepare("INSERT INTO orders (woo_order_id, state, body) VALUES (?, 'sending', ?)");
    const update = db.prepare("UPDATE orders SET state = 'created', answer = ? WHERE woo_order_id = ?");
    return {
        insert: async (id, body) => insert.run(id, body),
        update: async (id, answer) => update.run(answer, id),
    };
}

// A pool of the bridge's size; statements are prepared and commit by themselves.
function postgresql(url) {
    const { Pool } = require("pg");
    const pool = new Pool({ connectionString: url, max: 20 });
    const made = pool.query(TABLE("BYTEA"));
    const run = async (name, text, values) => (await made, pool.query({ name, text, values }));
    return {
        insert: (id, body) =>
            run("insert", "INSERT INTO orders (woo_order_id, state, body) VALUES ($1, 'sending', $2)", [id, body]),
        update: (id, answer) =>
            run("update", "UPDATE orders SET state = 'created', answer = $1 WHERE woo_order_id = $2", [answer, id]),
    };
}

module.exports = {
    uiHost: "127.0.0.1",
    uiPort: Number(PORT),
    flowFile: "flows.json",
    credentialSecret: false,
    disableEditor: true,
    httpAdminRoot: false,
    telemetry: { enabled: false },
    logging: { console: { level: "warn" } },
    functionGlobalContext: {
        crypto: require("node:crypto"),
        store: DATABASE.startsWith("sqlite:///") ? sqlite(DATABASE.slice("sqlite:///".length)) : postgresql(DATABASE),
    },
};
