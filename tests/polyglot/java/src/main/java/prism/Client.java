// The script with grpc-java: Client ADDRESS SCRIPT.
package prism;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ClientCalls;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import prism.keyvalue.v1.Keyvalue.BatchSetRequest;
import prism.keyvalue.v1.Keyvalue.BatchSetResponse;
import prism.keyvalue.v1.Keyvalue.GetRequest;
import prism.keyvalue.v1.Keyvalue.GetResponse;
import prism.keyvalue.v1.Keyvalue.ScanRequest;
import prism.keyvalue.v1.Keyvalue.ScanResponse;
import prism.keyvalue.v1.Keyvalue.SetRequest;
import prism.keyvalue.v1.Keyvalue.SetResponse;

public final class Client {
  private final Channel channel;
  private final String namespace;

  private Client(Channel channel, String namespace) {
    this.channel = channel;
    this.namespace = namespace;
  }

  private static <Q extends Message, R extends Message> MethodDescriptor<Q, R> method(
      String name, MethodDescriptor.MethodType type, Q request, R response) {
    return MethodDescriptor.<Q, R>newBuilder()
        .setType(type)
        .setFullMethodName("prism.keyvalue.v1." + name)
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(response))
        .build();
  }

  private static final MethodDescriptor<SetRequest, SetResponse> SET =
      method("KeyValueBasic/Set", MethodDescriptor.MethodType.UNARY, SetRequest.getDefaultInstance(), SetResponse.getDefaultInstance());
  private static final MethodDescriptor<GetRequest, GetResponse> GET =
      method("KeyValueBasic/Get", MethodDescriptor.MethodType.UNARY, GetRequest.getDefaultInstance(), GetResponse.getDefaultInstance());
  private static final MethodDescriptor<BatchSetRequest, BatchSetResponse> BATCH_SET =
      method("KeyValueBatch/BatchSet", MethodDescriptor.MethodType.UNARY, BatchSetRequest.getDefaultInstance(), BatchSetResponse.getDefaultInstance());
  private static final MethodDescriptor<ScanRequest, ScanResponse> SCAN =
      method("KeyValueScan/Scan", MethodDescriptor.MethodType.SERVER_STREAMING, ScanRequest.getDefaultInstance(), ScanResponse.getDefaultInstance());

  private static CallOptions soon() {
    return CallOptions.DEFAULT.withDeadlineAfter(20, TimeUnit.SECONDS);
  }

  private static void check(boolean condition, Object what) {
    if (!condition) throw new AssertionError(what);
  }

  private void write(String key, ByteString value, CallOptions options) {
    ClientCalls.blockingUnaryCall(channel, SET, options, SetRequest.newBuilder().setNamespace(namespace).setKey(key).setValue(value).build());
  }

  private GetResponse read(String ns, String key, CallOptions options) {
    return ClientCalls.blockingUnaryCall(channel, GET, options, GetRequest.newBuilder().setNamespace(ns).setKey(key).build());
  }

  private void writeAndRead(JsonObject step, CallOptions options) {
    ByteString value = ByteString.copyFromUtf8("0123456789abcdef".repeat(step.get("bytes").getAsInt() / 16));
    String key = step.get("key").getAsString();
    write(key, value, options);
    check(read(namespace, key, options).getValue().equals(value), "another value came back");
  }

  private void get(JsonObject step) {
    GetResponse reply = read(namespace, step.get("key").getAsString(), soon());
    JsonElement expect = step.get("expect");
    check(reply.getFound() == !expect.isJsonNull(), reply);
    check(reply.getValue().toStringUtf8().equals(expect.isJsonNull() ? "" : expect.getAsString()), reply);
  }

  private void fill(JsonObject step) {
    int count = step.get("count").getAsInt();
    ByteString value = ByteString.copyFromUtf8("x".repeat(step.get("bytes").getAsInt()));
    for (int first = 0; first < count; first += 500) {
      BatchSetRequest.Builder request = BatchSetRequest.newBuilder().setNamespace(namespace);
      for (int i = first; i < Math.min(first + 500, count); i++) {
        request.addItemsBuilder().setKey(step.get("prefix").getAsString() + String.format("%06d", i)).setValue(value);
      }
      BatchSetResponse reply = ClientCalls.blockingUnaryCall(channel, BATCH_SET, soon(), request.build());
      check(reply.getItemsList().stream().allMatch(item -> item.getStatus().getCode() == 0), "an item failed");
    }
  }

  private Iterator<ScanResponse> entries(JsonObject step) {
    return ClientCalls.blockingServerStreamingCall(channel, SCAN, soon(),
        ScanRequest.newBuilder().setNamespace(namespace).setPrefix(step.get("prefix").getAsString()).build());
  }

  private void scan(JsonObject step) {
    int seen = 0;
    for (Iterator<ScanResponse> it = entries(step); it.hasNext(); ) seen += it.next().hasEntry() ? 1 : 0;
    check(seen == step.get("expect").getAsInt(), seen + " entries");
  }

  private void scanCancel(JsonObject step) {
    try (Context.CancellableContext context = Context.current().withCancellation()) {
      context.run(() -> {
        Iterator<ScanResponse> it = entries(step);
        for (int i = 0; i < step.get("after").getAsInt(); i++) check(it.next().hasEntry(), "no entry");
        context.cancel(null);
        try {
          while (it.hasNext()) it.next();
          throw new AssertionError("the scan ended as if nothing had happened");
        } catch (StatusRuntimeException error) {
          check(error.getStatus().getCode() == Status.Code.CANCELLED, error);
        }
      });
    }
  }

  private void deadline(JsonObject step) {
    long limit = step.get("milliseconds").getAsLong();
    long start = System.nanoTime();
    try {
      var watch = HealthGrpc.newBlockingStub(channel).withDeadlineAfter(limit, TimeUnit.MILLISECONDS).watch(HealthCheckRequest.getDefaultInstance());
      while (watch.hasNext()) watch.next();
      throw new AssertionError("the watch ended by itself");
    } catch (StatusRuntimeException error) {
      check(error.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED, error);
    }
    long took = (System.nanoTime() - start) / 1_000_000;
    check(took >= limit * 9 / 10 && took < limit + 2000, "took " + took + " ms");
  }

  private void error(JsonObject step) throws Exception {
    try {
      read(step.get("namespace").getAsString(), step.get("key").getAsString(), soon());
      throw new AssertionError("the call succeeded");
    } catch (StatusRuntimeException error) {
      check(error.getStatus().getCode().value() == step.get("code").getAsInt(), error);
      ErrorInfo info = null;
      for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
        if (detail.is(ErrorInfo.class)) info = detail.unpack(ErrorInfo.class);
      }
      check(info != null && info.getReason().equals(step.get("reason").getAsString()) && info.getDomain().equals(step.get("domain").getAsString()), info);
    }
  }

  private void run(JsonObject step) throws Exception {
    switch (step.get("do").getAsString()) {
      case "set" -> write(step.get("key").getAsString(), ByteString.copyFromUtf8(step.get("value").getAsString()), soon());
      case "get" -> get(step);
      case "large" -> writeAndRead(step, soon());
      case "gzip" -> writeAndRead(step, soon().withCompression("gzip"));
      case "fill" -> fill(step);
      case "scan" -> scan(step);
      case "scan_cancel" -> scanCancel(step);
      case "deadline" -> deadline(step);
      case "error" -> error(step);
      default -> throw new AssertionError("unknown step " + step);
    }
  }

  public static void main(String[] arguments) throws Exception {
    JsonObject script = JsonParser.parseString(Files.readString(Path.of(arguments[1]))).getAsJsonObject();
    ManagedChannel channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().maxInboundMessageSize(64 << 20).build();
    Client client = new Client(channel, script.get("namespace").getAsString());
    for (JsonElement step : script.getAsJsonArray("steps")) {
      client.run(step.getAsJsonObject());
      System.out.println("ok " + step);
    }
    channel.shutdownNow();
  }
}
