// The script with java.net.http: Client VERSION URL SCRIPT. VERSION is HTTP_1_1 or HTTP_2: that is had over TLS, by ALPN; without, the client
// asks for an upgrade, which a server need not grant.

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.DataInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

public final class Client {
  private final HttpClient http;
  private final HttpClient.Version expected;
  private final String base;
  private final String resources;
  private final String namespace;

  private Client(HttpClient.Version version, String url, String namespace) {
    this.http = HttpClient.newBuilder().version(version).connectTimeout(Duration.ofSeconds(20)).build();
    this.expected = url.startsWith("https:") ? version : HttpClient.Version.HTTP_1_1;
    this.base = url + "/prism.keyvalue.v1.";
    this.resources = url + "/v1/" + namespace + "/keyvalue/";
    this.namespace = namespace;
  }

  private static void check(boolean condition, Object what) {
    if (!condition) throw new AssertionError(what);
  }

  private static String encode(String text) {
    return Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String text(JsonObject object, String name) {
    return object.has(name) ? object.get(name).getAsString() : "";
  }

  private static boolean flag(JsonObject object, String name) {
    return object.has(name) && object.get(name).getAsBoolean();
  }

  private static JsonObject request(String namespace) {
    JsonObject request = new JsonObject();
    request.addProperty("namespace", namespace);
    return request;
  }

  private JsonObject keyed(JsonObject step) {
    JsonObject request = request(namespace);
    request.add("key", step.get("key"));
    return request;
  }

  private <T> HttpResponse<T> post(String method, byte[] body, String type, HttpResponse.BodyHandler<T> handler) throws Exception {
    HttpRequest post = HttpRequest.newBuilder(URI.create(base + method)).timeout(Duration.ofSeconds(20)).header("content-type", type)
        .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
    HttpResponse<T> response = http.send(post, handler);
    check(response.version() == expected, response.version());
    return response;
  }

  private HttpResponse<String> post(String method, JsonObject request) throws Exception {
    return post(method, request.toString().getBytes(StandardCharsets.UTF_8), "application/json", HttpResponse.BodyHandlers.ofString());
  }

  private JsonObject call(String method, JsonObject request) throws Exception {
    HttpResponse<String> response = post(method, request);
    check(response.statusCode() == 200, response.body());
    return JsonParser.parseString(response.body()).getAsJsonObject();
  }

  // The messages of a stream; the error that ends it, if any, is the last.
  private List<JsonObject> stream(String method, JsonObject request) throws Exception {
    byte[] message = request.toString().getBytes(StandardCharsets.UTF_8);
    byte[] frame = ByteBuffer.allocate(5 + message.length).put((byte) 0).putInt(message.length).put(message).array();
    HttpResponse<InputStream> response = post(method, frame, "application/connect+json", HttpResponse.BodyHandlers.ofInputStream());
    check(response.statusCode() == 200, response.statusCode());
    List<JsonObject> messages = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(response.body())) {
      for (;;) {
        int flags = in.readByte();
        JsonObject answer = JsonParser.parseString(new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8)).getAsJsonObject();
        if ((flags & 2) == 0 || answer.has("error")) messages.add(answer);
        if ((flags & 2) == 0) continue;
        check(in.read() == -1, "something follows the end");
        return messages;
      }
    }
  }

  private static void checkError(JsonObject error, JsonObject step) {
    String reason = error.getAsJsonArray("details").get(0).getAsJsonObject().getAsJsonObject("debug").get("reason").getAsString();
    check(error.get("code").equals(step.get("code")) && reason.equals(step.get("reason").getAsString()), error);
  }

  private void set(JsonObject step) throws Exception {
    JsonObject request = keyed(step);
    request.addProperty("value", encode(step.get("value").getAsString()));
    check(call("KeyValueBasic/Set", request).has("version"), "no version");
  }

  private void get(JsonObject step) throws Exception {
    JsonObject reply = call("KeyValueBasic/Get", keyed(step));
    JsonElement expect = step.get("expect");
    check(flag(reply, "found") == !expect.isJsonNull(), reply);
    check(text(reply, "value").equals(expect.isJsonNull() ? "" : encode(expect.getAsString())), reply);
  }

  private void large(JsonObject step) throws Exception {
    String value = encode("0123456789abcdef".repeat(step.get("bytes").getAsInt() / 16));
    JsonObject request = keyed(step);
    request.addProperty("value", value);
    call("KeyValueBasic/Set", request);
    check(text(call("KeyValueBasic/Get", keyed(step)), "value").equals(value), "another value came back");
  }

  private void fill(JsonObject step) throws Exception {
    int count = step.get("count").getAsInt();
    String value = encode("x".repeat(step.get("bytes").getAsInt()));
    for (int first = 0; first < count; first += 500) {
      JsonArray items = new JsonArray();
      for (int i = first; i < Math.min(first + 500, count); i++) {
        JsonObject item = new JsonObject();
        item.addProperty("key", step.get("prefix").getAsString() + String.format("%06d", i));
        item.addProperty("value", value);
        items.add(item);
      }
      JsonObject request = request(namespace);
      request.add("items", items);
      for (JsonElement item : call("KeyValueBatch/BatchSet", request).getAsJsonArray("items")) {
        JsonObject status = item.getAsJsonObject().getAsJsonObject("status");
        check(status == null || !status.has("code") || status.get("code").getAsInt() == 0, item);
      }
    }
  }

  private void list(JsonObject step) throws Exception {
    JsonObject request = request(namespace);
    request.add("prefix", step.get("prefix"));
    String last = "";
    int seen = 0;
    for (JsonObject message : stream("KeyValueScan/Scan", request)) {
      if (!message.has("entry")) continue;
      String key = message.getAsJsonObject("entry").get("key").getAsString();
      check(last.compareTo(key) < 0, "not in order");
      last = key;
      seen++;
    }
    check(seen == step.get("expect").getAsInt(), seen + " entries");
  }

  private void listError(JsonObject step) throws Exception {
    List<JsonObject> messages = stream("KeyValueScan/Scan", request(step.get("namespace").getAsString()));
    checkError(messages.get(messages.size() - 1).getAsJsonObject("error"), step);
  }

  private void error(JsonObject step) throws Exception {
    JsonObject request = request(step.get("namespace").getAsString());
    request.add("key", step.get("key"));
    HttpResponse<String> response = post("KeyValueBasic/Get", request);
    check(response.statusCode() == step.get("status").getAsInt(), response.statusCode());
    checkError(JsonParser.parseString(response.body()).getAsJsonObject(), step);
  }

  private void delete(JsonObject step) throws Exception {
    check(flag(call("KeyValueBasic/Delete", keyed(step)), "existed") == step.get("expect").getAsBoolean(), step);
  }

  private HttpResponse<String> resource(String method, JsonObject step, String body, String... headers) throws Exception {
    String key = URLEncoder.encode(step.get("key").getAsString(), StandardCharsets.UTF_8).replace("+", "%20");
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(resources + key)).timeout(Duration.ofSeconds(20));
    if (headers.length != 0) request.headers(headers);
    request.method(method, body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
    return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  private static void checkReason(HttpResponse<String> response, JsonObject step) {
    check(response.body().contains("\"reason\":" + step.get("reason")), response.body());
  }

  private void create(JsonObject step) throws Exception {
    HttpResponse<String> response = resource("PUT", step, step.get("value").getAsString(), "if-none-match", "*", "prism-ttl", "1h");
    check(response.statusCode() == step.get("status").getAsInt() && !header(response, "etag").isEmpty(), response);
    if (step.has("reason")) checkReason(response, step);
  }

  private void read(JsonObject step) throws Exception {
    HttpResponse<String> response = resource("GET", step, null);
    if (step.get("expect").isJsonNull()) {
      check(response.statusCode() == 404, response);
      checkReason(response, step);
      return;
    }
    check(response.statusCode() == 200 && response.body().equals(step.get("expect").getAsString()), response.body());
    check(header(response, "prism-expire-time").endsWith("Z"), "it expires");
    String etag = header(response, "etag");
    check(resource("GET", step, null, "if-none-match", etag).statusCode() == 304, "the condition is not met");
    HttpResponse<String> head = resource("HEAD", step, null);
    check(head.statusCode() == 200 && header(head, "etag").equals(etag) && head.body().isEmpty(), head);
  }

  private void remove(JsonObject step) throws Exception {
    HttpResponse<String> response = resource("DELETE", step, null);
    check(response.statusCode() == 204 && header(response, "prism-existed").equals(step.get("existed").getAsString()), response);
  }

  private void run(JsonObject step) throws Exception {
    switch (step.get("do").getAsString()) {
      case "set" -> set(step);
      case "get" -> get(step);
      case "large" -> large(step);
      case "fill" -> fill(step);
      case "list" -> list(step);
      case "list_error" -> listError(step);
      case "error" -> error(step);
      case "delete" -> delete(step);
      case "create" -> create(step);
      case "read" -> read(step);
      case "remove" -> remove(step);
      default -> throw new AssertionError("unknown step " + step);
    }
  }

  public static void main(String[] arguments) throws Exception {
    JsonObject script = JsonParser.parseString(Files.readString(Path.of(arguments[2]))).getAsJsonObject();
    Client client = new Client(HttpClient.Version.valueOf(arguments[0]), arguments[1], script.get("namespace").getAsString());
    for (String part : List.of("steps", "resources")) {
      for (JsonElement step : script.getAsJsonArray(part)) {
        client.run(step.getAsJsonObject());
        System.out.println("ok " + step);
      }
    }
  }
}
