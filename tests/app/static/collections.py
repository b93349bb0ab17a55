"""Collections in Japanese and Arabic for the tests of the page."""

from __future__ import annotations

from untilclick.search.records import Document

from tests.app.page import Content

JAPANESE = Content(
    documents=(
        Document(
            "shutil.rmtree",
            "フォルダを中身ごと削除する",
            "フォルダ（ディレクトリ）を、中のファイルも含めてまとめて削除します。削除したファイルは元に戻せません。",
        ),
        Document(
            "os.rmdir", "空のディレクトリを削除する", "空のフォルダ、つまり中に何もないディレクトリを削除します。"
        ),
        Document("os.remove", "ファイルを削除する", "ファイルをひとつ削除します。フォルダ、リンク先は削除しません。"),
        Document(
            "zipfile.ZipFile",
            "ZIP ファイル",
            "圧縮された ZIP ファイルを読み書きします。フォルダ、ファイル、コメントを追加できます。",
        ),
        Document("time.sleep", "しばらく待つ", "指定した秒数だけ、処理を止めて待ちます。"),
        Document(
            "名前/吉田", "𠮷田さんの🍣ノート", "𠮷田さんが書いた、寿司🍣、フォルダ、その他についてのノートです。"
        ),
    ),
    table={"フォルダ": ("ディレクトリ", "リンク先は削除しません")},
    examples=("フォルダ", "しばらく待つ"),
    corpus_language="ja",
    title="図書室",
)

ARABIC = Content(
    documents=(
        Document(
            "shutil.rmtree",
            "حذف مجلد مع محتوياته",
            "يحذف المجلد وكل ما فيه من ملفات ومجلدات فرعية. حذف مجلد بهذه الطريقة نهائي ولا يمكن التراجع عنه.",
        ),
        Document("os.rmdir", "حذف مجلد فارغ", "يحذف مجلدًا فارغًا فقط. إن كان في المجلد ملف تظهر رسالة خطأ."),
        Document(
            "pathlib", "pathlib.Path.unlink", "حذف ملف أو رابط رمزي، لا حذف مجلد. الخيار missing_ok يتجاهل الغائب."
        ),
        Document("بريد", "حذف رسالة من البريد", "يحذف رسالة من صندوق البريد ثم يحفظ الصندوق في مجلد جديد."),
        Document("english", "Delete: حذف", "An English text about the Arabic word حذف stands here."),
        Document("time.sleep", "الانتظار", "يوقف البرنامج عددًا من الثواني."),
    ),
    table={"حذف مجلد": ("ملف", "صندوق", "rmtree")},
    examples=("حذف مجلد", "الانتظار"),
    corpus_language=None,
    title="المكتبة",
)
