package io.sluice.shell.backup;

import io.sluice.block.ErrnoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Checks the files of a backup directory against what was recorded when they were made. */
public final class Verification {
  private final Work work;

  /** A check for one caller. */
  public Verification(Work work) {
    this.work = work;
  }

  /**
   * What was found out about a file.
   *
   * @param problem empty if all is well
   */
  public record Check(
      int point, String device, String file, long fileBytes, boolean good, String problem) {}

  /** Lists the points. */
  public static List<BackupPoint> points(Path directory) throws IOException, ErrnoException {
    try (BackupDirectory opened = BackupDirectory.open(directory)) {
      return opened.points();
    }
  }

  /**
   * Checks every file: its length, its checksum, the consistency of a qcow2 file, its size, and
   * that it lies on its base. An increment whose base is damaged is damaged.
   *
   * @return a row for each file, in the order of the points
   */
  public List<Check> run(Path directory) throws IOException, ErrnoException {
    List<Check> checks = new ArrayList<>();
    Map<String, String> problems = new HashMap<>();
    try (BackupDirectory opened = BackupDirectory.open(directory)) {
      QemuTools tools = new QemuTools(opened.path(), work);
      List<BackupPoint> points = opened.points();
      for (BackupPoint point : points) {
        for (BackupFile file : point.files()) {
          String base = base(points, file);
          String problem = problem(opened, file);
          if (problem.isEmpty() && !problems.getOrDefault(base, "").isEmpty()) {
            problem = "it lies on " + base + ", which is damaged";
          }
          if (problem.isEmpty()) {
            problem = problemOfFormat(tools, file, base);
          }
          problems.put(file.file(), problem);
          checks.add(
              new Check(
                  point.point(),
                  file.device(),
                  file.file(),
                  file.fileBytes(),
                  problem.isEmpty(),
                  problem));
        }
      }
    }
    return checks;
  }

  private String problem(BackupDirectory opened, BackupFile file)
      throws IOException, ErrnoException {
    Path path = opened.path().resolve(file.file());
    work.progress(file.file());
    if (!Files.isRegularFile(path)) {
      return "it is gone";
    }
    if (Files.size(path) != file.fileBytes()) {
      return "it has " + Files.size(path) + " bytes, and had " + file.fileBytes();
    }
    String sha256 = FileHash.of(path, work);
    if (!sha256.equals(file.sha256())) {
      return "its checksum is " + sha256 + ", and was " + file.sha256();
    }
    return "";
  }

  private String problemOfFormat(QemuTools tools, BackupFile file, String base)
      throws ErrnoException {
    String here = Sources.here(file.file());
    if (file.format() == BackupFormat.QCOW2) {
      QemuTools.Result check = tools.run(List.of("qemu-img", "check", "-q", "-f", "qcow2", here));
      if (check.status() != 0) {
        return "qemu-img check: " + check.lastLine();
      }
    }
    ImageFacts facts;
    try {
      facts = ImageFacts.of(tools, Sources.file(file.format(), here));
    } catch (ErrnoException e) {
      work.check();
      return e.text();
    }
    if (facts.sizeBytes() != file.sizeBytes() || !facts.base().equals(base)) {
      return String.format(
          "it is of %d bytes on \"%s\", and should be of %d on \"%s\"",
          facts.sizeBytes(), facts.base(), file.sizeBytes(), base);
    }
    return "";
  }

  /** The name of the file that a file lies on; empty for a full one. */
  private static String base(List<BackupPoint> points, BackupFile file) {
    for (BackupPoint point : points) {
      if (point.point() == file.basePoint()) {
        return point.of(file.device()).map(BackupFile::file).orElse("?");
      }
    }
    return file.kind() == BackupKind.FULL ? "" : "?";
  }
}
