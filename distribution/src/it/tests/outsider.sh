#!/usr/bin/env bash
# Somebody outside makes a filter of their own: copied from the template, built against released jars
# alone, dropped into the running agent, attached, updated under load, refused to stop, and removed.
. "${BASH_SOURCE%/*}/../lib.sh"

AUDIT=$T/filter-audit
BUNDLE=org.example.audit
new_filter=$SLUICE_ROOT/bundles/examples/new-filter

refuses_bad_names() {
  refused 'EINVAL: name "Audit"' "$new_filter" Audit org.example.audit "$T/bad"
  refused 'EINVAL: name' "$new_filter" aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa org.example.audit "$T/bad"
  refused 'EINVAL: package "audit"' "$new_filter" audit audit "$T/bad"
  refused 'EINVAL: package' "$new_filter" audit org.package.audit "$T/bad"
  refused 'EINVAL: package' "$new_filter" audit io.sluice.audit "$T/bad"
  refused EEXIST "$new_filter" audit org.example.audit "$T"
  [ ! -e "$T/bad" ] || { echo "something was made in spite of it"; return 1; }
}
copies() {
  "$new_filter" audit "$BUNDLE" "$AUDIT"
  [ -f "$AUDIT/src/main/java/org/example/audit/AuditFilter.java" ]
  if grep -rni template "$AUDIT"; then echo "names of the template are left"; return 1; fi
  if find "$AUDIT" | grep -i template; then echo "files of the template are left"; return 1; fi
}
builds() {
  outsider -q -f "$AUDIT/pom.xml" package
  [ -f "$AUDIT/target/surefire-reports/TEST-$BUNDLE.AuditFilterTest.xml" ] || { echo "no test was run"; return 1; }
  cp "$AUDIT/target/filter-audit-1.0.0.jar" "$T/"
  # The next version calls one of its figures otherwise, by which it is known.
  sed -i '0,/<version>1.0.0</s//<version>1.1.0</' "$AUDIT/pom.xml"
  find "$AUDIT/src" -name '*.java' -exec sed -i 's/slow_count/late_count/' {} +
  outsider -q -f "$AUDIT/pom.xml" -DskipTests package
  cp "$AUDIT/target/filter-audit-1.1.0.jar" "$T/"
}

check refuses-bad-names refuses_bad_names
check copies copies
check builds builds
[ -f "$T/filter-audit-1.1.0.jar" ] || { results; exit; }

random_file "$T/disk.img" 64
mkdir "$T/plugins"
agent --set sluice.plugins.dir="$T/plugins"
sluice device add disk "$T/disk.img" || die "device add"

# of_bundle WORD: how the bundle is listed, in one column.
of_bundle() { sluice --json bundle list >"$T/bundles.json" && json "$T/bundles.json" "[b['$1'] for b in d if b['symbolic_name'] == '$BUNDLE']"; }
counted() { sluice --json filter ctl disk audit show >"$T/show.json" && json "$T/show.json" "d.get('$1', -1)"; }
# io_works BYTE: writes and reads back through a real client, and finds it in the file.
io_works() {
  qemu-io -f raw -c "write -P $1 1M 4M" -c flush -c "read -P $1 1M 4M" "$(uri disk)" >"$T/io"
  if grep -qi 'failed\|error' "$T/io"; then cat "$T/io"; return 1; fi
  nbdcopy --no-extents "$(uri disk)" "$T/copy.raw"
  cmp "$T/copy.raw" "$T/disk.img"
}

dropped_in() {
  # Whole from the first moment that it is seen.
  cp "$T/filter-audit-1.0.0.jar" "$T/plugins/.new"
  mv "$T/plugins/.new" "$T/plugins/filter-audit.jar"
  runs() { [ "$(of_bundle state)" = "['active']" ]; }
  until_true 30 runs
  sluice filter list | tee "$T/filters"
  grep -q '^audit ' "$T/filters"
}
attached() {
  refused EINVAL sluice filter attach disk audit slow=soon
  sluice filter attach disk audit slow=0us
  io_works 0x61
  [ "$(counted bio_count)" -gt 4 ]
  same 'slow bios' "$(counted bio_count)" "$(counted slow_count)"
  sluice filter chain disk | tee "$T/chain"
  grep -qw audit "$T/chain"
}
updated_under_load() {
  fio --name=load --ioengine=nbd --uri="$(uri disk)" --rw=randwrite --bs=4k --size=64M --iodepth=16 \
    --time_based --runtime=6 --verify=crc32c --verify_state_save=0 --verify_fatal=1 --output="$T/fio.txt" &
  local fio=$! before
  before=$(counted bio_count)
  running() { [ "$(counted bio_count)" -gt $((before + 1000)) ]; }
  until_true 30 running
  figure "$(sluice bundle update "$BUNDLE" "$T/filter-audit-1.1.0.jar")"
  # The successor counts from 0, under its own name.
  [ "$(counted late_count)" -ge 0 ] || { cat "$T/show.json"; return 1; }
  before=$(counted bio_count)
  until_true 30 running
  same 'version' "['1.1.0']" "$(of_bundle version)"
  wait "$fio" || { cat "$T/fio.txt"; return 1; }
  grep -q 'err= 0' "$T/fio.txt"
  # With the option of the first attach every bio is late.
  same 'late bios' "$(counted bio_count)" "$(counted late_count)"
}
stays_while_attached() {
  refused disk sluice bundle stop "$BUNDLE"
  refused disk sluice bundle uninstall "$BUNDLE"
  same 'state of the bundle' "['active']" "$(of_bundle state)"
  io_works 0x62
}
removed() {
  sluice filter detach disk audit
  refused ENOENT sluice filter ctl disk audit show
  io_works 0x63
  sluice bundle stop "$BUNDLE"
  if sluice filter list | grep '^audit '; then echo "still registered"; return 1; fi
  rm "$T/plugins/filter-audit.jar"
  is_gone() { [ "$(of_bundle state)" = '[]' ]; }
  until_true 30 is_gone
  refused ENOENT sluice filter attach disk audit
  io_works 0x64
}

check dropped-in dropped_in
check attached attached
check updated-under-load updated_under_load
check stays-while-attached stays_while_attached
check removed removed
