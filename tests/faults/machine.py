"""What can be broken on this machine."""
import glob
import os
import subprocess


def fake_clock_library():
    """Or None."""
    return next(iter(glob.glob("/usr/lib/*/faketime/libfaketime.so.1")), None)


def not_available():
    """kind -> why it cannot be tried on this machine."""
    reasons = {}
    if os.geteuid() != 0:
        reasons["disk-full"] = "a small disk is mounted, which takes root"
    elif subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], capture_output=True,
                        check=False).returncode != 0:
        reasons["disk-full"] = "a small disk is mounted, which is not allowed here"
    if fake_clock_library() is None:
        reasons["clock"] = "libfaketime is not installed"
    return reasons
