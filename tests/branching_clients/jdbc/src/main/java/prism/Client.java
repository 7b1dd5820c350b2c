// PostgreSQL's driver for JDBC: Client URL BRANCH VISITS.
package prism;

import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import org.postgresql.PGConnection;

public final class Client {
  private interface Step {
    void run() throws Exception;
  }

  private static final int ROWS = 20000;
  private final String url;
  private final Connection connection;

  private Client(String url) throws SQLException {
    this.url = url;
    connection = DriverManager.getConnection(url);
  }

  /** JDBC has user and password among the parameters, spelled as they are in a URL's authority. */
  private static String jdbc(URI url) {
    String[] login = url.getRawUserInfo().split(":", 2);
    return "jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + url.getRawPath() + "?user=" + login[0] + "&password="
        + login[1] + "&" + url.getRawQuery();
  }

  private static void check(Object expected, Object got) {
    if (!expected.equals(got)) throw new AssertionError(got + ", not " + expected);
  }

  private static void execute(Connection connection, String... statements) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      for (String text : statements) statement.execute(text);
    }
  }

  private static String ask(Connection connection, String query) throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
      rows.next();
      return rows.getString(1);
    }
  }

  private void visit(String branch, String visits) throws SQLException {
    check(branch, ask(connection, "SHOW prism.branch"));
    execute(connection, "CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)");
    try (var insert = connection.prepareStatement("INSERT INTO visits(client) VALUES (?)")) {
      insert.setString(1, branch);
      check(1, insert.executeUpdate());
    }
    check(visits + " " + branch, ask(connection, "SELECT count(*) || ' ' || min(client) FROM visits"));
  }

  /** From the fifth time on the driver keeps the statement in the server. */
  private void preparedStatements() throws SQLException {
    try (var twice = connection.prepareStatement("SELECT 2 * ?")) {
      for (int number = 0; number < 10; ++number) {
        twice.setInt(1, number);
        try (ResultSet rows = twice.executeQuery()) {
          rows.next();
          check(2 * number, rows.getInt(1));
        }
      }
    }
  }

  /** What a tool shows of a schema, and the rows of a table a page at a time. */
  private void browse() throws SQLException {
    try (ResultSet columns = connection.getMetaData().getColumns(null, "public", "visits", null)) {
      columns.next();
      check("id", columns.getString("COLUMN_NAME"));
    }
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(100);
      int seen = 0;
      try (ResultSet rows = statement.executeQuery("SELECT generate_series(1, 1000)")) {
        while (rows.next()) ++seen;
      }
      check(1000, seen);
    }
    connection.commit();
    connection.setAutoCommit(true);
  }

  private void transactions() throws SQLException {
    execute(connection, "CREATE TEMP TABLE t(i int)");
    connection.setAutoCommit(false);
    execute(connection, "INSERT INTO t VALUES (1)");
    connection.rollback();
    execute(connection, "INSERT INTO t VALUES (2)");
    connection.commit();
    connection.setAutoCommit(true);
    check("1 2", ask(connection, "SELECT count(*) || ' ' || min(i) FROM t"));
  }

  private void copy() throws Exception {
    execute(connection, "CREATE TEMP TABLE numbers(i int, x text)");
    StringBuilder rows = new StringBuilder();
    for (int number = 0; number < ROWS; ++number) rows.append(number).append('\t').append("x".repeat(50)).append('\n');
    var copies = connection.unwrap(PGConnection.class).getCopyAPI();
    check((long) ROWS, copies.copyIn("COPY numbers FROM STDIN", new StringReader(rows.toString())));
    StringWriter back = new StringWriter();
    check((long) ROWS, copies.copyOut("COPY (SELECT * FROM numbers ORDER BY i) TO STDOUT", back));
    check(rows.toString(), back.toString());
  }

  private void notifications() throws SQLException {
    execute(connection, "LISTEN news");
    try (Connection other = DriverManager.getConnection(url)) {
      execute(other, "NOTIFY news, 'rain'");
    }
    var told = connection.unwrap(PGConnection.class).getNotifications(20_000);
    check("rain", told[0].getParameter());
  }

  private void cancel() throws Exception {
    try (Statement sleep = connection.createStatement(); Connection other = DriverManager.getConnection(url)) {
      CompletableFuture<Void> cancelled = CompletableFuture.runAsync(() -> {
        try {
          while (ask(other, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").equals("0")) {
            Thread.onSpinWait();
          }
          sleep.cancel();
        } catch (SQLException failure) {
          throw new AssertionError(failure);
        }
      });
      try {
        sleep.execute("SELECT pg_sleep(600)");
        throw new AssertionError("it was not cancelled");
      } catch (SQLException failure) {
        check("57014", failure.getSQLState());
      }
      cancelled.get();
    }
  }

  private static void step(String name, Step step) throws Exception {
    step.run();
    System.out.println("ok " + name);
  }

  public static void main(String[] arguments) throws Exception {
    Client client = new Client(jdbc(URI.create(arguments[0])));
    client.visit(arguments[1], arguments[2]);
    step("prepared_statements", client::preparedStatements);
    step("browse", client::browse);
    step("transactions", client::transactions);
    step("copy", client::copy);
    step("notifications", client::notifications);
    step("cancel", client::cancel);
    client.connection.close();
  }
}
