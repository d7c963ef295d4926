package io.sluice.shell.tool;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.RecordComponent;
import java.util.Locale;
import java.util.Map;

/**
 * Writes data as one JSON document. A record becomes an object with its components in order, their
 * names in snake_case ({@code sizeBytes} is {@code size_bytes}); numbers are exact; constants are
 * in lower case; what is absent is null; ids, moments and paths are strings.
 */
public final class Json {
  private static final JsonFactory FACTORY =
      new JsonFactory().disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);

  private static final Separators SEPARATORS =
      Separators.createDefaultInstance()
          .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
          .withObjectEmptySeparator("")
          .withArrayEmptySeparator("");

  private static final DefaultIndenter INDENTER = new DefaultIndenter("  ", "\n");

  private Json() {}

  /** Writes the document and a line's end; rows of an {@code Iterable} are fetched one by one. */
  public static void write(Object data, OutputStream out) throws IOException {
    // A printer keeps the depth it is at, so each document has its own.
    DefaultPrettyPrinter printer = new DefaultPrettyPrinter(SEPARATORS);
    printer.indentArraysWith(INDENTER);
    printer.indentObjectsWith(INDENTER);
    try (JsonGenerator json = FACTORY.createGenerator(out)) {
      json.setPrettyPrinter(printer);
      value(json, data);
      json.writeRaw('\n');
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void value(JsonGenerator json, Object data) throws IOException {
    if (data == null) {
      json.writeNull();
    } else if (data instanceof Boolean flag) {
      json.writeBoolean(flag);
    } else if (data instanceof Integer || data instanceof Long || data instanceof Short) {
      json.writeNumber(((Number) data).longValue());
    } else if (data instanceof Number number) {
      json.writeNumber(number.toString());
    } else if (data instanceof Enum<?> constant) {
      json.writeString(constant.name().toLowerCase(Locale.ROOT));
    } else if (data instanceof Record row) {
      object(json, row);
    } else if (data instanceof Map<?, ?> map) {
      json.writeStartObject();
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        json.writeFieldName(String.valueOf(entry.getKey()));
        value(json, entry.getValue());
      }
      json.writeEndObject();
    } else if (data instanceof Iterable<?> rows && !(data instanceof java.nio.file.Path)) {
      json.writeStartArray();
      for (Object row : rows) {
        value(json, row);
      }
      json.writeEndArray();
    } else {
      json.writeString(data.toString());
    }
  }

  private static void object(JsonGenerator json, Record row) throws IOException {
    json.writeStartObject();
    for (RecordComponent component : row.getClass().getRecordComponents()) {
      json.writeFieldName(snakeCase(component.getName()));
      try {
        component.getAccessor().setAccessible(true);
        value(json, component.getAccessor().invoke(row));
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }
    json.writeEndObject();
  }

  /** {@code sizeBytes} as {@code size_bytes}. */
  static String snakeCase(String name) {
    StringBuilder snake = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      if (Character.isUpperCase(c)) {
        snake.append('_');
      }
      snake.append(Character.toLowerCase(c));
    }
    return snake.toString();
  }
}
