"""Short texts written for the course: one message in seven languages, a piece of code, numbers, a chat with emoji.

`MESSAGE` says the same in each language, so that token counts can be compared. Left out: any claim that one
paragraph stands for a language; the studies that the lesson cites count over whole corpora.
"""

MESSAGE = {
    "English": (
        "The library opens at nine in the morning. You can borrow five books for four weeks. "
        "If a book is late, please write to us: we will find a solution together."
    ),
    "German": (
        "Die Bibliothek öffnet um neun Uhr morgens. Sie können fünf Bücher für vier Wochen ausleihen. "
        "Wenn ein Buch verspätet ist, schreiben Sie uns bitte: Wir finden gemeinsam eine Lösung."
    ),
    "Spanish": (
        "La biblioteca abre a las nueve de la mañana. Puede llevarse cinco libros durante cuatro semanas. "
        "Si un libro se retrasa, escríbanos, por favor: encontraremos juntos una solución."
    ),
    "Chinese": (
        "图书馆早上九点开门。您可以借五本书，为期四周。如果书不能按时归还，请写信告诉我们：我们会一起找到解决办法。"
    ),
    "Russian": (
        "Библиотека открывается в девять часов утра. Вы можете взять пять книг на четыре недели. "
        "Если книга задерживается, пожалуйста, напишите нам: мы вместе найдём решение."
    ),
    "Arabic": (
        "تفتح المكتبة في الساعة التاسعة صباحا. يمكنك استعارة خمسة كتب لمدة أربعة أسابيع. "
        "إذا تأخر كتاب، فاكتب إلينا من فضلك: سنجد حلا معا."
    ),
    "Hindi": (
        "पुस्तकालय सुबह नौ बजे खुलता है। आप चार सप्ताह के लिए पाँच किताबें ले सकते हैं। "
        "अगर किताब लौटाने में देर हो, तो कृपया हमें लिखें: हम मिलकर हल निकालेंगे।"
    ),
}

CODE = '''\
def overdue(loans, today, weeks=4):
    """Yield the title and the days of every loan that is late."""
    for title, lent in loans.items():
        days = (today - lent).days - 7 * weeks
        if days > 0:
            yield title, days
'''

NUMBERS = """\
shelf,books,weight_kg
1,248,131.50
2,1024,560.75
3,99999,48213.25
4,100000,48213.73
"""

CHAT = "Is the café open on Sunday? 🙂 No 😢 but the reading room is 👍🏽👩‍👩‍👧"
