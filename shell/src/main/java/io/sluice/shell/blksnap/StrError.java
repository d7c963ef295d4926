package io.sluice.shell.blksnap;

import io.sluice.block.Errno;

/** The C library's words for an errno, as the original tool prints them. */
final class StrError {
  private StrError() {}

  static String of(Errno errno) {
    return switch (errno) {
      case EPERM -> "Operation not permitted";
      case ENOENT -> "No such file or directory";
      case ESRCH -> "No such process";
      case EINTR -> "Interrupted system call";
      case EIO -> "Input/output error";
      case EAGAIN -> "Resource temporarily unavailable";
      case ENOMEM -> "Cannot allocate memory";
      case EACCES -> "Permission denied";
      case EFAULT -> "Bad address";
      case EBUSY -> "Device or resource busy";
      case EEXIST -> "File exists";
      case ENODEV -> "No such device";
      case ENOTDIR -> "Not a directory";
      case EISDIR -> "Is a directory";
      case EINVAL -> "Invalid argument";
      case EMFILE -> "Too many open files";
      case ENOTTY -> "Inappropriate ioctl for device";
      case EFBIG -> "File too large";
      case ENOSPC -> "No space left on device";
      case EROFS -> "Read-only file system";
      case ENODATA -> "No data available";
      case ETIME -> "Timer expired";
      case EOVERFLOW -> "Value too large for defined data type";
      case ENOTSUP -> "Operation not supported";
      case EADDRINUSE -> "Address already in use";
      case ESHUTDOWN -> "Cannot send after transport endpoint shutdown";
      case ETIMEDOUT -> "Connection timed out";
      case EALREADY -> "Operation already in progress";
      case EDQUOT -> "Disk quota exceeded";
      case ECANCELED -> "Operation canceled";
    };
  }
}
