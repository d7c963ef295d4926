package io.sluice.shell.gogo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.apache.felix.service.command.Descriptor;
import org.apache.felix.service.command.Parameter;
import org.apache.felix.service.command.Process;

/** What a pipe of tables needs at its other end; the Gogo runtime has no such commands itself. */
public final class TextScope {
  TextScope() {}

  /** {@code text:grep}. */
  @Descriptor("Print the lines of the input that match a regular expression")
  public void grep(
      @Descriptor("in either case")
          @Parameter(
              names = {"-i", "--ignore-case"},
              presentValue = "true",
              absentValue = "false")
          boolean ignoreCase,
      @Descriptor("the lines that do not match")
          @Parameter(
              names = {"-v", "--invert-match"},
              presentValue = "true",
              absentValue = "false")
          boolean invert,
      @Descriptor("the number of lines only")
          @Parameter(
              names = {"-c", "--count"},
              presentValue = "true",
              absentValue = "false")
          boolean count,
      @Descriptor("the expression") String expression)
      throws IOException {
    Pattern pattern;
    try {
      pattern = Pattern.compile(expression, ignoreCase ? Pattern.CASE_INSENSITIVE : 0);
    } catch (PatternSyntaxException e) {
      throw new IllegalArgumentException("grep: " + e.getMessage(), e);
    }
    long found = 0;
    BufferedReader in = input();
    PrintStream out = Process.Utils.current().out();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (pattern.matcher(line).find() != invert) {
        found++;
        if (!count) {
          out.println(line);
        }
      }
    }
    if (count) {
      out.println(found);
    }
  }

  /** {@code text:head}. */
  @Descriptor("Print the first lines of the input")
  public void head(
      @Descriptor("how many")
          @Parameter(
              names = {"-n", "--lines"},
              absentValue = "10")
          int lineCount)
      throws IOException {
    BufferedReader in = input();
    PrintStream out = Process.Utils.current().out();
    String line;
    for (int i = 0; i < lineCount && (line = in.readLine()) != null; i++) {
      out.println(line);
    }
  }

  /** {@code text:echo}. */
  @Descriptor("Print the arguments")
  public CharSequence echo(Object[] words) {
    StringBuilder text = new StringBuilder();
    for (Object word : words) {
      text.append(text.length() == 0 ? "" : " ").append(word);
    }
    return text;
  }

  /** The pipe's end that this command stands at, or the session's input. */
  private static BufferedReader input() {
    return new BufferedReader(
        new InputStreamReader(Process.Utils.current().in(), StandardCharsets.UTF_8));
  }
}
