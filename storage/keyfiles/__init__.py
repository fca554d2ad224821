"""Files of card keys as owners send them: .txt, .csv and .xlsx, read in constant memory."""

from storage.keyfiles.key_file import CHAT_FILE_BYTES, MAX_FILE_BYTES, KeyFile, open_key_file

__all__ = ["CHAT_FILE_BYTES", "MAX_FILE_BYTES", "KeyFile", "open_key_file"]
